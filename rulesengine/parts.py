"""Where the items of a body stand in it: the number of an item, from 0, at each step of `each`.

A position outlives a change of the mapping's rules, and tells items apart that are equal. A change of `each` may move
items: then there are others, or not as many of them, at a step on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from rulesengine.program import Program
from rulesengine.running import Batch, Result, batches, reject, run_items

# Empty for the body itself.
Position = tuple[int, ...]


class Items:
    """The items of a body by their positions, in the order in which a run numbers them; what a step fails on is one."""

    def __init__(self, program: Program, body: Any, request: Any) -> None:
        self._program, self._body, self._request = program, body, request
        self._slots: dict[Position, tuple[Batch, int]] = {}
        self._sizes: dict[Position, int] = {}
        for batch in batches(program, body, request):
            self._note(batch, tuple(index or 0 for index in batch.indexes))

    def _note(self, batch: Batch, position: Position) -> None:
        for depth, index in enumerate(position):
            self._sizes[position[:depth]] = index + 1
        if batch.fault is not None or not (batch.levels or batch.listed):
            self._slots[position] = batch, 0
            return
        self._sizes[position] = len(batch.items)
        for index in range(len(batch.items)):
            self._slots[(*position, index)] = batch, index

    @cached_property
    def positions(self) -> list[Position]:
        """Of all items."""
        return list(self._slots)

    def sizes(self, position: Position) -> list[int | None]:
        """How many there are at each step on the way to a position; None where a step gives nothing."""
        return [self._sizes.get(position[:depth]) for depth in range(len(position))]

    def below(self, position: Position) -> list[Position]:
        """The items that a position stands for: the one that is there, or those that are in it."""
        return list(self._below(position))

    def _below(self, position: Position) -> Iterator[Position]:
        if position in self._slots:
            yield position
        for index in range(self._sizes.get(position, 0)):
            yield from self._below((*position, index))

    def knows(self, position: Position) -> bool:
        """Whether there is an item at a position, or something that items are looked for in."""
        return position in self._slots or position in self._sizes

    def run(self, position: Position, result: Result) -> None:
        """Map the item at a position and add what becomes of it to `result`."""
        batch, index = self._slots[position]
        if batch.fault is not None:
            reject(result, batch.fault, batch.levels[-1])
            return
        parent = batch.levels[-1] if batch.levels else None
        run_items(self._program, batch.items[index : index + 1], self._body, self._request, result, parent)

"""The functions the mapping language adds to JMESPath: one table of signature, sentence, examples and body.

The checker, the compiler, `rules functions`, the docs and the tests all read `FUNCTIONS`. Every function is pure and
passes null through.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rulesengine import bodies
from rulesengine.patterns import compile_pattern
from rulesengine.signatures import Example, Function, Parameter
from rulesengine.times import epoch, epoch_at, epoch_ms, prepare_format, prepare_zone

_TABLE: tuple[Function, ...] = (
    Function(
        "lower",
        (Parameter("s", ("string",)),),
        "string",
        "The string in lower case.",
        (
            Example("lower(email)", {"email": "Ann@Example.COM"}, "ann@example.com"),
            Example("lower(email)", {"email": None}, None),
            Example("lower(code)", {"code": 5}, fails="lower() takes a string, got the number 5"),
        ),
        str.lower,
        "{x}.lower() if type({x}) is str else {call}",
    ),
    Function(
        "upper",
        (Parameter("s", ("string",)),),
        "string",
        "The string in upper case.",
        (
            Example("upper(answer)", {"answer": "stop"}, "STOP"),
            Example("upper(country)", {}, None),
            Example("upper(yes)", {"yes": True}, fails="upper() takes a string, got the boolean true"),
        ),
        str.upper,
        "{x}.upper() if type({x}) is str else {call}",
    ),
    Function(
        "trim",
        (Parameter("s", ("string",)),),
        "string",
        "The string without white space at its two ends.",
        (
            Example("trim(email)", {"email": " ann@example.com\n"}, "ann@example.com"),
            Example("lower(trim(event))", {"event": " Opened "}, "opened"),
            Example("trim(to)", {"to": ["a"]}, fails="trim() takes a string, got an array"),
        ),
        str.strip,
        "{x}.strip() if type({x}) is str else {call}",
    ),
    Function(
        "text",
        (Parameter("v", ("any",)),),
        "string",
        "Any value as a string: a string as it is, all else as compact JSON, but null stays null.",
        (
            Example("text(group)", {"group": 10}, "10"),
            Example("text(group)", {"group": None}, None),
            Example("text(tags)", {"tags": ["a", True, 1.0]}, '["a",true,1.0]'),
        ),
        bodies.text_of,
        "{x} if type({x}) is str else {call}",
    ),
    Function(
        "split",
        (Parameter("s", ("string",)), Parameter("sep", ("string",))),
        "array",
        "The parts of the string between the separators.",
        (
            Example("split(topic, '.')[-1]", {"topic": "event.klaviyo.bounced_email"}, "bounced_email"),
            Example("split(tags, ',')", {"tags": ""}, [""]),
            Example("split(tags, '')", {"tags": "a,b"}, fails="split() got an empty separator"),
        ),
        bodies.split,
    ),
    Function(
        "replace",
        (Parameter("s", ("string",)), Parameter("old", ("string",)), Parameter("new", ("string",))),
        "string",
        "The string with every occurrence of one string replaced by another.",
        (
            Example("replace(event, ' ', '_')", {"event": "hard bounce now"}, "hard_bounce_now"),
            Example("replace(id, '-', '')", {"id": "12-34-56"}, "123456"),
            Example("replace(id, '', '-')", {"id": "1"}, fails="replace() got an empty string to replace"),
        ),
        bodies.replace,
    ),
    Function(
        "trim_prefix",
        (Parameter("s", ("string",)), Parameter("p", ("string",))),
        "string",
        "The string without that prefix, if it has it.",
        (
            Example("trim_prefix(type, 'email.')", {"type": "email.opened"}, "opened"),
            Example("trim_prefix(type, 'email.')", {"type": "opened"}, "opened"),
            Example(
                "trim_prefix(type, code)",
                {"type": "email.opened", "code": 7},
                fails="trim_prefix() takes a string as p, got the number 7",
            ),
        ),
        str.removeprefix,
    ),
    Function(
        "trim_suffix",
        (Parameter("s", ("string",)), Parameter("p", ("string",))),
        "string",
        "The string without that suffix, if it has it.",
        (
            Example("trim_suffix(trim_prefix(id, '<'), '>')", {"id": "<1@mta.example>"}, "1@mta.example"),
            Example("trim_suffix(event, '_unique')", {"event": "opened_unique"}, "opened"),
            Example(
                "trim_suffix(event, '_unique')",
                {"event": {}},
                fails="trim_suffix() takes a string as s, got an object",
            ),
        ),
        str.removesuffix,
    ),
    Function(
        "matches",
        (Parameter("s", ("string",)), Parameter("pattern", ("string",), prepare=compile_pattern)),
        "boolean",
        "True if the pattern (RE2, a literal) is found anywhere in the string.",
        (
            Example(r"matches(reply, '\b5\.1\.\d')", {"reply": "550 5.1.1 no such user"}, True),
            Example("matches(body, '(?i)^stop$')", {"body": "please stop"}, False),
            Example(
                "matches(status, '^5')",
                {"status": 550},
                fails="matches() takes a string as s, got the number 550",
            ),
        ),
        bodies.matches,
    ),
    Function(
        "capture",
        (Parameter("s", ("string",)), Parameter("pattern", ("string",), prepare=compile_pattern)),
        "string",
        "What the first group of the pattern (RE2, a literal) matched, the whole match if it has no group, else null.",
        (
            Example("capture(id, '^([^.]+)')", {"id": "14c5d75ce93.dfd.64b469"}, "14c5d75ce93"),
            Example(r"capture(reply, '[245]\.\d+\.\d+')", {"reply": "550 5.1.1 no such user"}, "5.1.1"),
            Example(r"capture(reply, '\d\d\d')", {"reply": "timeout"}, None),
            Example("capture(code, '5')", {"code": 550}, fails="capture() takes a string as s, got the number 550"),
        ),
        bodies.capture,
    ),
    Function(
        "epoch",
        (Parameter("v", ("string", "number")),),
        "number",
        "Whole seconds since 1970 of seconds (number or digits) or of ISO 8601 text, UTC unless it says else.",
        (
            Example("epoch(timestamp)", {"timestamp": 1513299569}, 1513299569),
            Example("epoch(timestamp)", {"timestamp": "1513299569.75"}, 1513299569),
            Example("epoch(at)", {"at": "2017-12-15T01:59:29.123+01:00"}, 1513299569),
            Example("epoch(at)", {"at": "2017-12-15 00:59:29"}, 1513299569),
            Example(
                "epoch(ts)",
                {"ts": 1513299569123},
                fails="epoch() got 1513299569123, which can only be milliseconds: use epoch_ms()",
            ),
            Example(
                "epoch(at)",
                {"at": "yesterday"},
                fails="epoch() got 'yesterday', expected seconds since 1970 or an ISO 8601 date and time",
            ),
        ),
        epoch,
        "{x} if type({x}) is int and 0 <= {x} < 100_000_000_000 else {call}",
    ),
    Function(
        "epoch_ms",
        (Parameter("v", ("string", "number")),),
        "number",
        "Whole seconds since 1970 of milliseconds since 1970 (number or digits).",
        (
            Example("epoch_ms(ts)", {"ts": 1513299569123}, 1513299569),
            Example("epoch_ms(ts)", {"ts": "1513299569999"}, 1513299569),
            Example(
                "epoch_ms(ts)",
                {"ts": 1513299569},
                fails="epoch_ms() got 1513299569, which can only be seconds: use epoch()",
            ),
        ),
        epoch_ms,
    ),
    Function(
        "epoch_at",
        (
            Parameter("s", ("string",)),
            Parameter("format", ("string",), prepare=prepare_format),
            Parameter("zone", ("string",), prepare=prepare_zone),
        ),
        "number",
        "Whole seconds since 1970 of a date in a strptime format and a tz database zone (literals); %z in it wins.",
        (
            Example(
                "epoch_at(date, '%m/%d/%Y %I:%M:%S %p', 'America/New_York')",
                {"date": "1/31/2026 3:04:05 PM"},
                1769889845,
            ),
            Example("epoch_at(scts, '%y%m%d%H%M', 'UTC')", {"scts": "2012181335"}, 1608298500),
            Example(
                "epoch_at(date, '%d.%m.%Y', 'Europe/Berlin')",
                {"date": "2026-01-31"},
                fails="epoch_at() got '2026-01-31', which is not written as '%d.%m.%Y' says",
            ),
        ),
        epoch_at,
    ),
    Function(
        "from_json",
        (Parameter("s", ("string",)),),
        "any",
        "The value that the JSON text writes.",
        (
            Example("from_json(Message).bounce.type", {"Message": '{"bounce": {"type": "hard"}}'}, "hard"),
            Example("from_json(Message)", {"Message": "null"}, None),
            Example(
                "from_json(Message)",
                {"Message": "hello"},
                fails="from_json() got 'hello', which is no JSON: Expecting value: line 1 column 1 (char 0)",
            ),
        ),
        bodies.from_json,
    ),
    Function(
        "lookup",
        (Parameter("table", ("string",)), Parameter("key", ("any",))),
        "any",
        "What the mapping's table of that name (a literal) has for the key, its default or null if it has nothing.",
        (
            Example(
                "lookup('lists', list)",
                {"item": {"list": 12}, "tables": {"lists": {"12": "newsletter"}}},
                "newsletter",
                scoped=True,
            ),
            Example(
                "lookup('lists', list)",
                {"item": {"list": "13"}, "tables": {"lists": {"12": "newsletter"}}},
                None,
                scoped=True,
            ),
        ),
        None,
    ),
    Function(
        "items",
        (Parameter("obj", ("object",)),),
        "array",
        "The pairs [key, value] of the object, in order.",
        (
            Example("items(receipts)", {"receipts": {"a": 1, "b": None}}, [["a", 1], ["b", None]]),
            Example("items(receipts)[*][0]", {"receipts": {"a": 1, "b": None}}, ["a", "b"]),
            Example("items(receipts)", {"receipts": []}, fails="items() takes an object, got an array"),
        ),
        bodies.items_of,
    ),
    Function(
        "from_items",
        (Parameter("pairs", ("array",)),),
        "object",
        "The object of the pairs [key, value]; of pairs with one key the last counts.",
        (
            Example("from_items(headers)", {"headers": [["Subject", "Hi"], ["X-Id", 7]]}, {"Subject": "Hi", "X-Id": 7}),
            Example(
                "from_items(headers[*].[name, value]).To", {"headers": [{"name": "To", "value": "a@b.c"}]}, "a@b.c"
            ),
            Example(
                "from_items(headers)",
                {"headers": [["Subject"]]},
                fails="from_items() takes pairs of a string and a value, got another element at [0]",
            ),
        ),
        bodies.from_items,
    ),
    Function(
        "address",
        (Parameter("s", ("string",)),),
        "string",
        "The e-mail address in 'Name <a@b>' or 'a@b', null if there is not exactly one.",
        (
            Example("address(to)", {"to": "Ann <ann@example.com>"}, "ann@example.com"),
            Example("address(to)", {"to": '"Last, First" <ann@example.com>'}, "ann@example.com"),
            Example("address(to)", {"to": "undisclosed recipients"}, None),
            Example("address(to)", {"to": {}}, fails="address() takes a string, got an object"),
        ),
        bodies.address,
    ),
    Function(
        "e164",
        (Parameter("s", ("string", "number")), Parameter("country", ("string", "number"), optional=True)),
        "string",
        "The phone number as + and digits: bare digits are taken to carry their country code, or, with a calling code "
        "given, to be national unless they begin with it and are longer than 10.",
        (
            Example("e164(from)", {"from": "whatsapp:+1 (201) 555-0123"}, "+12015550123"),
            Example("e164(msisdn)", {"msisdn": 447700900123}, "+447700900123"),
            Example("e164(to, '44')", {"to": "07700 900123"}, "+447700900123"),
            Example("e164(to, '44')", {"to": "447700900123"}, "+447700900123"),
            Example("e164(to, '91')", {"to": "9123456789"}, "+919123456789"),
            Example("e164(from)", {"from": "Acme"}, fails="e164() got 'Acme', which is no phone number"),
            Example(
                "e164(from)",
                {"from": "07700 900123"},
                fails="e164() got '07700 900123', a national number: add the country's calling code",
            ),
        ),
        bodies.e164,
    ),
    Function(
        "hash",
        (Parameter("s", ("string",)),),
        "string",
        "The SHA-256 of the string's UTF-8, in 64 hexadecimal digits.",
        (
            Example(
                "hash(token)", {"token": "abc"}, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            ),
            Example("hash(token)", {}, None),
            Example("hash(id)", {"id": 12}, fails="hash() takes a string, got the number 12"),
        ),
        bodies.hash_of,
    ),
    Function(
        "stable_id",
        (Parameter("array", ("array",)),),
        "string",
        "The SHA-256 of the array's compact JSON with sorted keys, an id that repeats; null if it holds only nulls.",
        (
            Example(
                "stable_id([to, event])",
                {"to": "ann@example.com", "event": "open"},
                "0e6216f3e2bc137b982493c476dc338155182a0fbd3213760b4a1e841e78780d",
            ),
            Example("stable_id([id, event])", {"to": "ann@example.com"}, None),
            Example("stable_id(to)", {"to": "a"}, fails="stable_id() takes an array, got the string 'a'"),
        ),
        bodies.stable_id,
    ),
    Function(
        "root",
        (),
        "any",
        "The whole body that the item is part of.",
        (
            Example("root().account", {"item": {"id": 1}, "root": {"account": "a1"}}, "a1", scoped=True),
            Example("root().account || id", {"item": {"id": 1}, "root": {}}, 1, scoped=True),
        ),
        None,
    ),
    Function(
        "parent",
        (),
        "any",
        "The item one level up, where `each` has at least two steps.",
        (
            Example(
                "parent().messageId", {"item": "ann@example.com", "parent": {"messageId": "m1"}}, "m1", scoped=True
            ),
            Example("parent().tags", {"item": {"tags": ["x"]}, "parent": {}}, None, scoped=True),
        ),
        None,
    ),
    Function(
        "request",
        (),
        "object",
        "What came around the body: `headers`, `query`, `received_at` (seconds since 1970).",
        (
            Example(
                "request().received_at", {"item": {}, "request": {"received_at": 1513299569}}, 1513299569, scoped=True
            ),
            Example(
                'request().headers."svix-id"',
                {"item": {}, "request": {"headers": {"svix-id": "msg_1"}}},
                "msg_1",
                scoped=True,
            ),
        ),
        None,
    ),
    Function(
        "channel",
        (),
        "string",
        "The channel type that app.yml declares.",
        (
            Example("channel()", {"item": {}, "channel": "sms"}, "sms", scoped=True),
            Example("channel() == 'email'", {"item": {}, "channel": "sms"}, False, scoped=True),
        ),
        None,
    ),
)

FUNCTIONS: Mapping[str, Function] = MappingProxyType({function.name: function for function in _TABLE})

"""The table of diagnostic codes: number, title, sentence and hint of every kind of fault. Only data.

The number says where to look: E1xx reading, E2xx shape, E3xx meaning, E4xx app.yml and vocabulary, E5xx at run time,
E6xx cases, W advice. Numbers are never reused. Each has a page in docs/errors, which `rules explain` prints.
"""

from __future__ import annotations

from rulesengine.diagnostics import Code

# -- reading ----------------------------------------------------------------------------------------------------------
E101 = Code("E101", "file cannot be read", "cannot read {file}: {reason}")
E102 = Code("E102", "file is not UTF-8", "the file is not UTF-8: byte {byte} at byte {offset}", "save it as UTF-8")
E103 = Code("E103", "not YAML", "this is not YAML: {problem}")
E104 = Code("E104", "repeated key", "key {key!r} is repeated; it stands in line {line} already", "keep one of the two")
E105 = Code(
    "E105",
    "a scalar that YAML versions read differently",
    "{text} without quotes is {meaning} to some YAML readers and text to others",
    "quote it: '{text}'; where an expression stands, the text is \"'{text}'\"{instead}",
)
E106 = Code(
    "E106", "too many aliases", "aliases expand this file to more than {limit:,} nodes", "write out what is repeated"
)
E107 = Code(
    "E107", "nested too deeply", "the file is nested more than {limit} levels deep", "a mapping needs no more than ten"
)
E108 = Code("E108", "merge key", "'<<' (merge) is not YAML 1.2", "write the keys out, or alias the whole value")
E109 = Code("E109", "YAML tag", "YAML reads {tag} as a tag, which has no meaning here", "quote the expression: {text}")
E110 = Code("E110", "several documents", "a second YAML document starts here", "one file, one mapping")
E111 = Code("E111", "empty file", "the file holds nothing", "a mapping starts with 'mapping: 1'")
E112 = Code("E112", "file too large", "the file has {size:,} bytes; {limit:,} are allowed", "is this a payload file?")
E113 = Code(
    "E113",
    "anchor without a value",
    "YAML reads {text} as an anchor with no value behind it",
    "leave out the &: a field is named as it is",
)
E114 = Code("E114", "key that is no text", "a key must be text, and here is {kind}")
E115 = Code(
    "E115",
    "unknown alias",
    "YAML reads {text} as an alias, and nothing above is anchored as &{name}",
    "anchor it above; or quote the expression: '{text}'",
)
E116 = Code(
    "E116",
    "comment that allows without a reason",
    "this comment is to allow {code}, and {problem}",
    "write it as `# allow {code}: why it is right here`, one comment for each code",
)
E117 = Code("E117", "code that cannot be allowed", "{code} cannot be allowed: {problem}")

# -- shape ------------------------------------------------------------------------------------------------------------
E201 = Code("E201", "unknown key", "unknown key {key!r} (known here: {known})")
E202 = Code("E202", "missing key", "{where} lacks the key {key!r}")
E203 = Code("E203", "wrong kind of value", "{where} must be {expected}, not {found}")
E204 = Code("E204", "value not allowed", "{where} must be one of {allowed}, not {found}")
E205 = Code("E205", "keys that exclude each other", "{key!r} and {other} cannot stand together", "keep one of them")
E206 = Code("E206", "key that needs another", "{key!r} needs {other} beside it")
E207 = Code("E207", "empty value", "{where} is empty", "leave the key out, or give it a value")
E208 = Code("E208", "malformed value", "{where} is {found}: {expected}")

# -- meaning ----------------------------------------------------------------------------------------------------------
E301 = Code("E301", "expression does not parse", "this is not JMESPath: {problem}")
E302 = Code("E302", "unknown function", "there is no function {name}()")
E303 = Code("E303", "wrong number of arguments", "{name}() takes {expected}, not {found}", "{signature}")
E304 = Code(
    "E304",
    "metric not declared",
    "metric {metric!r} is not declared under channel.metrics in {app} (declared: {declared})",
)
E305 = Code("E305", "unknown metric", "{metric!r} is no metric (declared in {app}: {declared})")
E306 = Code(
    "E306",
    "sent emitted",
    "{metric!r} must not be emitted: Optimizely generates it",
    "ignore it: `ignore: Optimizely generates sent`",
)
E307 = Code(
    "E307",
    "list_id missing",
    "metric {metric!r} needs a list_id",
    "add `list_id:` with the expression that names the list",
)
E308 = Code(
    "E308",
    "list_id without meaning",
    "list_id means nothing with {metrics}: only {takers} takes one",
    "remove it",
)
E309 = Code(
    "E309",
    "no identifier",
    "an event emitted here has no identifiers",
    "add them under `event.identifiers` or to the rule",
)
E310 = Code(
    "E310",
    "documented event no rule takes",
    "no rule takes the event {event!r}",
    "emit it, or ignore it with a reason",
)
E311 = Code(
    "E311",
    "rule no documented event reaches",
    "no event of payload.events can reach this rule",
    "mend the condition, or add the event to payload.events",
)
E312 = Code(
    "E312", "shadowed rule", "this rule never gets an item: {rules} above {take} them all", "move it up, or remove it"
)
E313 = Code("E313", "unknown table", "there is no table {name!r} (tables: {known})")
E314 = Code(
    "E314",
    "emission that cannot be checked",
    "{key!r} may be whatever the payload holds, so it cannot be checked against app.yml",
    "use literals, a table, channel(), or a `when` that fixes the value",
)
E315 = Code("E315", "no such event", "type {type!r}, action {action!r}{update} is no event of the vocabulary")
E316 = Code(
    "E316",
    "channel mismatch",
    "this mapping is for {channels}, and {app} declares the channel {channel!r}",
    "check it with an app.yml for {channels}, or add {channel} to `channels`",
)
E317 = Code(
    "E317",
    "parent() without a level above",
    "parent() needs at least two steps in payload.each",
    "root() is the whole body",
)
E318 = Code("E318", "argument that cannot be used", "{name}(): {problem}")
E319 = Code("E319", "repeated rule name", "the name {name!r} is taken by {rule}", "give this rule another name")
E320 = Code(
    "E320",
    "two mappings for one provider",
    "provider {provider!r} is mapped by {other} already",
    "remove one of the two, or give it a provider of its own",
)
E321 = Code(
    "E321",
    "comparison with a field",
    '"{name}" in double quotes is a field of the item, not text',
    "write '{name}' in single quotes",
)
E322 = Code(
    "E322",
    "argument must be literal",
    "{name}() takes its {parameter} as a literal, so that it is prepared only once",
    "write it in single quotes: {signature}",
)
E323 = Code(
    "E323",
    "argument of the wrong type",
    "{name}() takes {expected} as its {position} argument, not {found}",
    "{signature}",
)
E324 = Code("E324", "expression too large", "the expression is {problem}")
E325 = Code(
    "E325",
    "literal that is not JSON",
    "`{text}` is not JSON, and JMESPath would quietly read it as text",
    "write '{text}' for the text",
)
E326 = Code(
    "E326",
    "contains turned round",
    "contains() takes what is searched first and what is sought second",
    "swap the arguments",
)
E327 = Code(
    "E327",
    "negation of a part",
    "!{path} negates only {name!r}, and then looks up a field of true or false",
    "write !({path})",
)
E328 = Code(
    "E328",
    "word that is a field",
    "{name} without backticks is a field of the item, not the value",
    "write `{value}`",
)
E329 = Code(
    "E329",
    "reference where a value is wanted",
    "&{text} is a reference to an expression, not its value",
    "leave out the &; only sort_by(), max_by(), min_by() and map() take one",
)
E330 = Code("E330", "comparison of different types", "this compares {left} with {right}: they are never equal")
E331 = Code(
    "E331",
    "data that says which event it is",
    "{name!r} under data would say which event it is, which only `emit` does",
)
E332 = Code(
    "E332", "event name without quotes", "{name} without quotes is a field of the item, not the event", "write '{name}'"
)
E333 = Code(
    "E333",
    "value that is never text",
    "{where} must be text, and this yields {found}",
)
E334 = Code(
    "E334",
    "rule without when that is not the last",
    "this rule has no `when` and takes everything: the rules below never get an item",
    "give it a `when`, or make it the last",
)
E335 = Code("E335", "comparison that never holds", "this can never be {value}")
E336 = Code("E336", "condition that never holds", "this never holds: {why}")
E337 = Code("E337", "condition that always holds", "this always holds: {why}")
E338 = Code(
    "E338",
    "side that is never used",
    "this is never used: what stands before {operator} is {state}",
    "a default stands last: a || 'default'",
)
E339 = Code("E339", "path into nothing", "this is always null: {found} has no {what}")
E340 = Code(
    "E340",
    "table entry that cannot be asked for",
    "no key can be {key!r}: this entry of table {table!r} is never found",
    "mend the entry's key, or remove it",
)
E341 = Code(
    "E341",
    "table that lacks a known value",
    "table {table!r} has no entry for {key!r}, which its key can be, and no default",
    "add the entry; `ignore` is one, too",
)
E342 = Code(
    "E342",
    "step that yields no items",
    "{where} must yield an object or a list of objects, and this yields {found}",
)
E343 = Code(
    "E343",
    "time that is no number",
    "ts is a number, epoch seconds, and this yields {found}",
    "epoch(...) makes it of a text",
)
E344 = Code("E344", "call that always fails", "{problem}")
E345 = Code(
    "E345",
    "value that is the same for every item",
    "{where} is {value} for every item",
    "name the field that holds it, without single quotes or backticks",
)

# -- app.yml and vocabulary -------------------------------------------------------------------------------------------
E401 = Code(
    "E401",
    "no channel section",
    "{app} has no `channel` section",
    "a channel app declares channel.type and channel.metrics",
)
E402 = Code("E402", "no channel type", "{app} has no `channel.type`", "one of {known}")
E403 = Code("E403", "unknown channel type", "{type!r} is no channel type", "known: {known}")
E404 = Code("E404", "no channel metrics", "{app} has no `channel.metrics`", "declare there what the app reports")
E405 = Code("E405", "unknown metric group", "{group!r} is no group of channel.metrics (known: {known})")
E406 = Code("E406", "unknown metric declared", "{metric!r} is no metric of the group {group!r} (known: {known})")
E407 = Code(
    "E407", "metric in the wrong group", "{metric!r} does not belong to the group {group!r}", "declare it under {right}"
)
E408 = Code("E408", "malformed channel section", "{where} must be {expected}, not {found}")
E409 = Code("E409", "malformed vocabulary", "{where}: {problem}")

# -- at run time ------------------------------------------------------------------------------------------------------
E501 = Code("E501", "body cannot be decoded", "{reason}")
E502 = Code("E502", "body too large", "{reason}")
E503 = Code("E503", "broken gz stream", "{reason}")
E504 = Code("E504", "payload cannot be read", "{reason}")
E505 = Code("E505", "step of each yields nothing", "{where} yields null: the body has another shape ({shape})")
E506 = Code("E506", "expression failed", "{where}: {reason}")
E507 = Code("E507", "not text", "{where} must be text, not {found}; text(...) turns a number into text")
E508 = Code("E508", "event without identifier", "the event of {rule!r} has no identifier with a value (tried: {tried})")
E509 = Code("E509", "required value missing", "{where} has no value, and the event needs one")
E510 = Code(
    "E510",
    "event that was not checked",
    "{where} yields type {type}, action {action}, reachability_update_type {update}, which app.yml does not declare",
)
E511 = Code("E511", "no rule takes the item", "no rule takes this item ({event})")
E512 = Code("E512", "table without the value", "table {table!r} has no entry for {key}, and no default")
E513 = Code("E513", "nested too deeply", "{reason}")
E514 = Code("E514", "null item", "the item is null")
E515 = Code("E515", "too many items", "the body yields more than {most:,} items, which is the limit for one body")
E516 = Code("E516", "text too long", "{reason}")
E517 = Code("E517", "too many values", "{reason}")

# -- cases ------------------------------------------------------------------------------------------------------------
E601 = Code(
    "E601",
    "case that expects nothing",
    "the case expects nothing of anything, so nothing could make it fail",
    "list what becomes of its items; `items: 0` for a body that has none",
)
E602 = Code("E602", "unknown rule in a case", "no rule is called {rule!r}")
E603 = Code("E603", "bad pattern in a case", "{problem}")
E604 = Code(
    "E604",
    "no cases",
    "{file} has no cases: there is no case in {folder}",
    "put a file of cases there; `rules explain E604` shows one",
)
E605 = Code("E605", "case for another channel", "the mapping is not for the channel {channel!r} (channels: {known})")

# -- advice -----------------------------------------------------------------------------------------------------------
W301 = Code("W301", "unused table", "nothing uses the table {name!r}", "remove it")
W302 = Code("W302", "event listed twice", "the event {event!r} is listed in line {line} already", "remove one")
W303 = Code(
    "W303",
    "no payload.event",
    "without payload.event and payload.events it is not checked that every event is mapped",
    "say where the event's name stands, and which names the provider documents",
)
W304 = Code(
    "W304",
    "identifier that is no messaging identifier",
    "a reachability event carries only {names}: none is a messaging identifier the vocabulary knows",
    "use email, phone or a name that ends in {suffixes}",
)
W305 = Code(
    "W305", "to_string of what may be null", "to_string() makes the text 'null' of null", "text() leaves null as it is"
)
W306 = Code("W306", "comment that allows nothing", "this comment allows {code}, and {problem}", "remove the comment")
W307 = Code(
    "W307",
    "event that never gets to a rule",
    "{event!r} never gets to this rule: {rule} above takes it",
    "take it out here, or move this rule up",
)
W308 = Code(
    "W308",
    "table entry that nothing asks for",
    "nothing asks table {table!r} for {key!r}: no event that gets there has it",
    "mend the entry's key, or remove it",
)
W309 = Code(
    "W309",
    "|| after what may be false",
    "false is not kept: where this is false, the right side of || is taken",
    "leave out the default, or compare: a == `false`",
)
W310 = Code("W310", "event under a near name", "payload.events does not list {event!r}")
W401 = Code(
    "W401",
    "attributable metric not declared",
    "{metric!r} is attributable but declared in no other group",
    "declare it under {right} too, or take it out of attributable",
)
W402 = Code(
    "W402",
    "metric declared but not emitted",
    "{metric!r} is declared, and no mapping of this app emits it",
    "emit it by a rule, or take it out of app.yml",
)
W403 = Code("W403", "metric in doubt", "{metric!r} is in doubt: {note}")
W404 = Code(
    "W404",
    "attributable metric not emitted",
    "{metric!r} is attributable, and no mapping of this app emits it",
    "emit it by a rule, or take it out of attributable",
)
W405 = Code(
    "W405",
    "metric listed twice",
    "{metric!r} is listed in line {line} already, under {group}",
    "remove one of the two",
)
W501 = Code("W501", "field that no sample has", "no sample has {path!r}")
W502 = Code(
    "W502",
    "event that is not documented",
    "the samples hold the event {event!r}, which payload.events does not list",
    "list it, and emit or ignore it by a rule",
)
W503 = Code("W503", "sample that is not mapped", "{samples} with {code}: {message}")
W504 = Code("W504", "event that no sample has", "no sample has the documented events {events}", "add a sample of each")
W505 = Code(
    "W505",
    "time in milliseconds",
    "ts is epoch seconds, and a sample yields {ts}, which can only be milliseconds",
    "write epoch_ms(...)",
)

ALL: tuple[Code, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Code))
BY_NUMBER = {code.number: code for code in ALL}

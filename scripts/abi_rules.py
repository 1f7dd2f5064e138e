"""What a release promises, as rules over two descriptions: adding passes, everything else fails.

`broken(released, now)` compares a released abio.json with today's and names every promise that today's
breaks.  Texts may change, lists of errors may grow.  Nothing here is a matter of
judgement: whoever needs another rule for a function makes a new function.
"""

from __future__ import annotations

from typing import Any

Item = dict[str, Any]
# What says nothing to a program.  `errors` is compared by itself: a list may grow.
TEXTS = {"doc", "text", "summary", "errors"}


def contract(value: Any) -> Any:
    """The value without its texts."""
    if isinstance(value, dict):
        return {key: contract(part) for key, part in value.items() if key not in TEXTS}
    if isinstance(value, list):
        return [contract(part) for part in value]
    return value


def minor_of(description: Item) -> tuple[int, int]:
    return description["abi"]["major"], description["abi"]["minor"]


def release_of(since: str) -> tuple[int, int]:
    major, minor = since.split(".")
    return int(major), int(minor)


def additions(released: Any, now: Any) -> list[str]:
    """What came after a release, by name."""

    def walk(value: Any) -> list[str]:
        if isinstance(value, list):
            return [name for part in value for name in walk(part)]
        if not isinstance(value, dict):
            return []
        new = "since" in value and release_of(value["since"]) > minor_of(released)
        own = [value["name"]] if new else []
        return own + [name for part in value.values() for name in walk(part)]

    return walk(now)


class Comparison:
    """Collects the breaks between one release and today."""

    def __init__(self, released: Item, now: Item) -> None:
        self.old: Item = released["description"]
        self.new: Item = now["description"]
        self.same_hash: bool = released["sha256"] == now["sha256"]
        self.breaks: list[str] = []

    def fail(self, item: str, message: str) -> None:
        self.breaks.append(f"{item}: {message}")

    def same(self, item: str, old: Item, new: Item, keys: str) -> None:
        for key in keys.split():
            if contract(old.get(key)) != contract(new.get(key)):
                self.fail(
                    item,
                    f"`{key}` was {contract(old.get(key))!r} and is {contract(new.get(key))!r}",
                )

    def newcomer(self, item: str, since: str) -> None:
        """What is new says so, with a release that is newer than this one and has come."""
        if release_of(since) <= minor_of(self.old):
            self.fail(item, f"is new and says `since` {since}, which was released without it")
        elif release_of(since) > minor_of(self.new):
            self.fail(item, f"says `since` {since}, which is later than the version of today")

    def prefix(self, item: str, old: list[str], new: list[str]) -> bool:
        """Lists whose order is layout: the old one is the beginning of the new one."""
        for index, name in enumerate(old):
            if index >= len(new) or new[index] != name:
                have = new[index] if index < len(new) else "nothing"
                why = "was moved" if name in new else "is gone"
                self.fail(item, f"{name} {why}: {have} is at its place {index}")
                return False
        return True

    def named(self, kind: str, old: list[Item], new: list[Item]) -> list[tuple[Item, Item]]:
        """The pairs of one name; one that is gone is a break."""
        today = {item["name"]: item for item in new}
        pairs = []
        for item in old:
            if item["name"] in today:
                pairs.append((item, today[item["name"]]))
            else:
                self.fail(f"{kind} {item['name']}", "is gone")
        return pairs

    def added(self, kind: str, old: list[Item], new: list[Item]) -> list[Item]:
        """What has a new name; its `since` is judged here."""
        before = {item["name"] for item in old}
        found = [item for item in new if item["name"] not in before]
        for item in found:
            self.newcomer(f"{kind} {item['name']}", item["since"])
        return found


def versions(c: Comparison) -> None:
    old, new = c.old["abi"], c.new["abi"]
    c.same("abi", old, new, "soname")
    if (new["minor"], new["patch"]) < (old["minor"], old["patch"]):
        c.fail("abi", f"version {new['version']} is older than the released {old['version']}")
    if new["minor"] == old["minor"] and not c.same_hash:
        c.fail("abi", f"its hash is not that of {old['version']}, so `minor` must be raised")


def constants(c: Comparison) -> None:
    """A number means one thing for ever; where a constant stands in its group means nothing."""
    today = {group["group"]: group for group in c.new["constants"]}
    before = {group["group"]: group for group in c.old["constants"]}
    for name, group in before.items():
        if name not in today:
            c.fail(f"constants {name}", "is gone")
            continue
        c.same(f"constants {name}", group, today[name], "prefix bits")
        for old, new in c.named(f"constant {name}", group["values"], today[name]["values"]):
            c.same(f"constant {group['prefix']}{old['name']}", old, new, "number since")
    for name, group in today.items():
        values = before[name]["values"] if name in before else []
        c.added(f"constant {name}", values, group["values"])


def structs(c: Comparison) -> None:
    for old, new in c.named("struct", c.old["structs"], c.new["structs"]):
        item = f"struct {old['name']}"
        c.same(item, old, new, "kind since minimum")
        names = [field["name"] for field in old["fields"]]
        if not c.prefix(item, names, [field["name"] for field in new["fields"]]):
            continue
        for before, today in zip(old["fields"], new["fields"]):
            c.same(f"{item}.{before['name']}", before, today, "type offset size since")
        more = new["fields"][len(names) :]
        if more and old["kind"] == "frozen":
            c.fail(item, f"is frozen and got the field {more[0]['name']}")
        c.added(f"{item} field", old["fields"], more)
    c.added("struct", c.old["structs"], c.new["structs"])


def traits(c: Comparison) -> None:
    for old, new in c.named("trait", c.old["traits"], c.new["traits"]):
        c.same(f"trait {old['name']}", old, new, "id since caps")
        c.prefix(f"trait {old['name']}", old["slots"], new["slots"])
    c.added("trait", c.old["traits"], c.new["traits"])


def impls(c: Comparison) -> None:
    for old, new in c.named("impl", c.old["impls"], c.new["impls"]):
        item = f"impl {old['name']}"
        c.same(item, old, new, "id since")
        names = [slot["name"] for slot in old["slots"]]
        if not c.prefix(item, names, [slot["name"] for slot in new["slots"]]):
            continue
        for before, today in zip(old["slots"], new["slots"]):
            c.same(f"{item}.{before['name']}", before, today, "args since")
        c.added(f"{item} slot", old["slots"], new["slots"])
    c.added("impl", c.old["impls"], c.new["impls"])


def functions(c: Comparison) -> None:
    """Signature, slot and every rule of use; the codes it may answer only become more."""
    for old, new in c.named("function", c.old["functions"], c.new["functions"]):
        item = f"function {old['name']}"
        c.same(item, old, new, " ".join(sorted(set(old) - TEXTS)))
        codes = {error["code"] for error in new["errors"]}
        for error in old["errors"]:
            if error["code"] not in codes:
                c.fail(item, f"no longer lists the error {error['code']}")
    c.added("function", c.old["functions"], c.new["functions"])
    c.prefix("the root table", c.old["root"], c.new["root"])


def broken(released: Item, now: Item) -> list[str]:
    """Every promise of a release that today's abio.json breaks."""
    comparison = Comparison(released, now)
    old, new = comparison.old, comparison.new
    if old["abi"]["major"] != new["abi"]["major"]:
        # Another major is another library, and must be seen to be one.
        if old["abi"]["soname"] == new["abi"]["soname"]:
            comparison.fail("abi", "another major must have another soname")
        return comparison.breaks
    versions(comparison)
    if [h["name"] for h in old["handles"]] != [h["name"] for h in new["handles"]]:
        comparison.fail("handles", "the kinds of handles are closed")
    for rule in (constants, structs, traits, impls, functions):
        rule(comparison)
    return comparison.breaks

"""abio.cdef: the declarations alone, in the dialect that both cffi and LuaJIT read."""

from __future__ import annotations

from . import c
from .model import Description, Function

ABOUT = "abio.cdef: the declarations of abio.h for cffi and LuaJIT."


def emit(desc: Description) -> str:
    out = [c.banner(desc, ABOUT)]
    for group in desc.constants:
        values = [f"\t{group.prefix}{v.name} = {v.number}" for v in group.values]
        out += ["enum {", ",\n".join(values), "};"]
    out += [f"typedef uint64_t abio_{name};" for name, _ in desc.handles]
    for struct in desc.structs.values():
        out.append(f"struct abio_{struct.name} {{")
        out += [f"\t{line}" for line in c.struct_body(struct)]
        out.append("};")
    out += [c.prototype(function) + ";" for function in desc.functions]
    for trait in desc.traits:
        out.append(f"struct abio_{trait.name}_ops {{\n\tstruct abio_table_head head;")
        out += [f"\t{c.pointer(desc.function(name))};" for name in trait.slots]
        out.append("};")
    for impl in desc.impls:
        out.append(f"struct abio_{impl.name}_impl {{")
        out += [f"\t{line}" for line in c.impl_body(impl)]
        out.append("};")
    out += [c.getter(trait) + ";" for trait in desc.traits]
    out.append("struct abio_api_table {\n\tstruct abio_table_head head;")
    for _, item in desc.root():
        text = c.pointer(item) if isinstance(item, Function) else c.getter_pointer(item)
        out.append(f"\t{text};")
    out += ["};", "const struct abio_api_table *abio_api(uint32_t major);", ""]
    return "\n".join(out)

"""Return hypothesis strategies for messages, from their types alone."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as mi

INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)

SCALARS: dict[type[mi.Type], st.SearchStrategy[Any]] = {
    mi.FloatType: FLOATS,
    mi.BoolType: st.booleans(),
    mi.StrType: st.text(max_size=12),
    mi.BytesType: st.binary(max_size=32),
    mi.CustomType: JSON_VALUES,
}


def messages(message_type: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Return any values of a message type."""
    return _values(mi.type_info(message_type))


def _values(info: mi.Type) -> st.SearchStrategy[Any]:
    if isinstance(info, mi.IntType):
        return st.integers(
            -(2**63) if info.ge is None else info.ge, 2**63 - 1 if info.le is None else info.le
        )
    if type(info) in SCALARS:
        return SCALARS[type(info)]
    match info:
        case mi.LiteralType(values=values):
            return st.sampled_from(values)
        case mi.VarTupleType(item_type=item):
            return st.lists(_values(item), max_size=3).map(tuple)
        case mi.DictType(value_type=value):
            return st.dictionaries(st.text(max_size=8), _values(value), max_size=3)
        case mi.StructType(cls=struct, fields=fields):
            return st.builds(struct, **{field.name: _values(field.type) for field in fields})
    raise NotImplementedError(info)

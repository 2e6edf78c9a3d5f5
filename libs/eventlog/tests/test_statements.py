from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import asyncpg
import pytest
import sqlalchemy as sa
from eventlog.statements import Statement, json_text, literal
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

METADATA = sa.MetaData()
THINGS = sa.Table(
    "things",
    METADATA,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("amount", sa.Numeric),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("doc", JSONB),
    sa.Column("tags", ARRAY(sa.String)),
    sa.Column("open", sa.Boolean),
)
ID = UUID(int=7)


class Letter(StrEnum):
    A = "a"


ROW = {
    "id": ID,
    "name": Letter.A,
    "amount": Decimal("0.1000000000000000000001"),
    "at": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
    "doc": {"price": Decimal("1.50"), "list": [1, None]},
    "tags": ("x", "y"),
    "open": True,
}


def test_an_upsert_has_its_arguments_in_order() -> None:
    new = insert(THINGS)
    statement = Statement(new.on_conflict_do_update(index_elements=["id"], set_={"amount": THINGS.c.amount + 2}))
    write = statement.bind(**ROW)
    assert "ON CONFLICT (id) DO UPDATE SET amount = (things.amount + $8::INTEGER)" in write.sql
    assert write.args[-1] == 2
    assert write.args[4] == '{"price":"1.50","list":[1,null]}'


def test_missing_and_unknown_parameters_are_told() -> None:
    statement = Statement(sa.delete(THINGS).where(THINGS.c.id == sa.bindparam("which")))
    with pytest.raises(TypeError, match="which is missing"):
        statement.bind()
    with pytest.raises(TypeError, match="no such parameter: that"):
        statement.bind(which=ID, that=1)


def test_what_cannot_be_compiled_ahead_is_refused() -> None:
    with pytest.raises(TypeError, match="any_"):
        Statement(sa.delete(THINGS).where(THINGS.c.name.in_(sa.bindparam("names", expanding=True))))
    defaulted = sa.Table("defaulted", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("x", sa.Integer, default=3))
    with pytest.raises(TypeError, match="default"):
        Statement(sa.insert(defaulted).values(id=sa.bindparam("id")))


def test_a_generated_key_adds_no_returning() -> None:
    keyed = sa.Table("keyed", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("x", sa.Integer))
    assert Statement(sa.insert(keyed).values(x=sa.bindparam("x"))).sql == "INSERT INTO keyed (x) VALUES ($1::INTEGER)"


async def test_all_types_through_postgres(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(str(sa.schema.CreateTable(THINGS).compile(dialect=sa.dialects.postgresql.dialect())))
    change = sa.update(THINGS).where(THINGS.c.id == sa.bindparam("which")).values(amount=THINGS.c.amount * sa.bindparam("by"))
    some = sa.delete(THINGS).where(THINGS.c.name == sa.any_(sa.bindparam("names", type_=ARRAY(sa.String))))
    insertion = Statement(insert(THINGS).on_conflict_do_nothing()).bind(**ROW)
    for write in (insertion, insertion, Statement(change).bind(which=ID, by=Decimal(3))):
        await connection.execute(write.sql, *write.args)
    found = literal(sa.select(THINGS).where(THINGS.c.name.in_(["a", "b"])).limit(5))
    row = dict((await connection.fetch(found.sql, *found.args))[0])
    assert row.pop("doc") == '{"list": [1, null], "price": "1.50"}'
    assert row == {**{k: v for k, v in ROW.items() if k != "doc"}, "tags": ["x", "y"], "amount": ROW["amount"] * 3}
    write = Statement(some).bind(names=["a"])
    assert await connection.execute(write.sql, *write.args) == "DELETE 1"
    await connection.close()


PLAIN = sa.Table("plain", METADATA, *(sa.Column(column.name, column.type) for column in THINGS.c if column.name != "tags"))


async def test_many_rows_of_a_plain_insert_keep_every_value(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(str(sa.schema.CreateTable(PLAIN).compile(dialect=sa.dialects.postgresql.dialect())))
    statement = Statement(sa.insert(PLAIN))
    row = {name: value for name, value in ROW.items() if name != "tags"}
    last = {
        **row,
        "name": 'é"\\$1',
        "amount": Decimal("-1E+30"),
        "at": datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        "open": None,
    }
    writes = [statement.bind(**each) for each in (row, dict.fromkeys(row), last)]
    rows = writes[0].plain
    assert rows is not None
    await connection.execute(rows.sql(), json_text([write.args for write in writes]))
    together = await connection.fetch("SELECT * FROM plain")
    await connection.execute("DELETE FROM plain")
    for write in writes:
        await connection.execute(write.sql, *write.args)
    assert together == await connection.fetch("SELECT * FROM plain")
    await connection.close()


def test_only_plain_inserts_take_many_rows() -> None:
    id_ = sa.bindparam("id", type_=sa.Uuid)
    for clause in (
        sa.insert(THINGS),  # an array
        insert(PLAIN).on_conflict_do_nothing(),
        sa.insert(PLAIN).values(id=id_, name="fixed", open=sa.true()),
        sa.insert(PLAIN).values(id=id_, amount=PLAIN.c.amount + 1),
        sa.insert(PLAIN).from_select(["id"], sa.select(id_)),
        sa.delete(PLAIN).where(PLAIN.c.id == id_),
        sa.text("INSERT INTO plain (id) VALUES (:id)"),
        sa.insert(sa.Table("exact", sa.MetaData(), sa.Column("x", sa.Float))),
        sa.insert(sa.Table("kinds", sa.MetaData(), sa.Column("x", sa.Enum("a", name="kind")))),
    ):
        assert Statement(clause)._plain is None

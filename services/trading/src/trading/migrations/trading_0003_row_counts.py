"""Counts of orders and trades, kept by triggers in the transaction that changes the rows.

A change of what is counted goes into `row_changes` as a difference; the transaction's differences are folded into `row_counts`
when it commits, summed and in the order of the key. So a transaction touches each count once however many rows it writes (a
replay writes all of them), holds its lock only for the commit, and two that commit together cannot deadlock. `row_changes` is
empty between transactions, hence not logged.
"""

from __future__ import annotations

from alembic import op

revision = "trading_0003"
down_revision = "trading_0002"

TABLES = (
    """
CREATE TABLE row_counts (
    source TEXT NOT NULL,
    day DATE NOT NULL,
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    kind TEXT NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (source, day, account, connector, trading_pair, kind)
)""",
    """
CREATE UNLOGGED TABLE row_changes (
    tx BIGINT NOT NULL,
    source TEXT NOT NULL,
    day DATE NOT NULL,
    account TEXT NOT NULL,
    connector TEXT NOT NULL,
    trading_pair TEXT NOT NULL,
    kind TEXT NOT NULL,
    n BIGINT NOT NULL
)""",
    "CREATE INDEX row_changes_by_tx ON row_changes (tx)",
)

KEY = "source, day, account, connector, trading_pair, kind"
TX = "pg_current_xact_id()::text::bigint"

# A setting of the transaction says that it has folded: looking for differences again would read all those it deleted.
FOLD = f"""
CREATE FUNCTION fold_row_changes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    this bigint := {TX};
    folded record;
BEGIN
    IF current_setting('hummingbus.folded', true) = this::text THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('hummingbus.folded', this::text, true);
    FOR folded IN
        WITH taken AS (DELETE FROM row_changes WHERE tx = this RETURNING {KEY}, n)
        INSERT INTO row_counts AS kept ({KEY}, n)
        SELECT source, coalesce(day, '-infinity'), account, connector, trading_pair, kind, sum(n) FROM taken
        GROUP BY GROUPING SETS (({KEY}), (source, account, connector, trading_pair, kind))
        HAVING sum(n) <> 0 ORDER BY 1, 2, 3, 4, 5, 6
        ON CONFLICT ({KEY}) DO UPDATE SET n = kept.n + excluded.n
        RETURNING kept.*
    LOOP
        IF folded.n = 0 THEN
            DELETE FROM row_counts AS kept
            WHERE ({", ".join(f"kept.{column}" for column in KEY.split(", "))})
                = ({", ".join(f"folded.{column}" for column in KEY.split(", "))});
        END IF;
    END LOOP;
    RETURN NULL;
END $$"""  # noqa: S608 - constants


def _counted(table: str, kind: str, time: str, where: str, rows: str, n: str) -> str:
    return f"""INSERT INTO row_changes (tx, {KEY}, n)
        SELECT {TX}, '{table}', ({time} AT TIME ZONE 'UTC')::date, account, connector, trading_pair, {kind}, {n}
        FROM {rows} WHERE {where}"""  # noqa: S608 - constants


def _of_statement(table: str, kind: str, time: str, where: str) -> str:
    """The function after statements that add or remove rows, which may be many."""
    added = _counted(table, kind, time, where, "added", "count(*)") + " GROUP BY 1, 2, 3, 4, 5, 6, 7"
    removed = _counted(table, kind, time, where, "removed", "-count(*)") + " GROUP BY 1, 2, 3, 4, 5, 6, 7"
    return f"""
CREATE FUNCTION count_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        {added};
    END IF;
    IF TG_OP <> 'INSERT' THEN
        {removed};
    END IF;
    RETURN NULL;
END $$"""


ORDERS = ("orders", "status", "created_at", "known")
TRADES = ("trades", "side", "time", "true")

# Most changes of an order leave its status as it was: then the function is not even called.
CHANGED_ORDER = f"""
CREATE FUNCTION count_changed_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_counted(*ORDERS, "(SELECT old.*, -1 AS n UNION ALL SELECT new.*, 1 AS n) changed", "n")};
    RETURN NULL;
END $$"""
COMPARED = ("known", "status", "account", "connector", "trading_pair", "created_at")
BEFORE, AFTER = (", ".join(f"{row}.{column}" for column in COMPARED) for row in ("old", "new"))

TRIGGERS = (
    """CREATE CONSTRAINT TRIGGER fold AFTER INSERT ON row_changes DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION fold_row_changes()""",
    *(
        f"""CREATE TRIGGER count_{event.lower()} AFTER {event} ON {table} REFERENCING {transition}
FOR EACH STATEMENT EXECUTE FUNCTION count_{table}()"""
        for table, event, transition in (
            ("orders", "INSERT", "NEW TABLE AS added"),
            ("orders", "DELETE", "OLD TABLE AS removed"),
            ("trades", "INSERT", "NEW TABLE AS added"),
            ("trades", "UPDATE", "NEW TABLE AS added OLD TABLE AS removed"),
            ("trades", "DELETE", "OLD TABLE AS removed"),
        )
    ),
    f"""CREATE TRIGGER count_update AFTER UPDATE ON orders FOR EACH ROW
WHEN (({BEFORE}) IS DISTINCT FROM ({AFTER}))
EXECUTE FUNCTION count_changed_order()""",
)


def _first_counts(table: str, kind: str, time: str, where: str) -> str:
    return f"""INSERT INTO row_counts ({KEY}, n)
SELECT '{table}', coalesce(day, '-infinity'), account, connector, trading_pair, kind, count(*)
FROM (SELECT ({time} AT TIME ZONE 'UTC')::date AS day, account, connector, trading_pair, {kind} AS kind
    FROM {table} WHERE {where}) counted
GROUP BY GROUPING SETS ((day, account, connector, trading_pair, kind), (account, connector, trading_pair, kind))"""  # noqa: S608


def upgrade() -> None:
    """Count the rows there are; the triggers keep the counts from then on."""
    made = (*TABLES, FOLD, _of_statement(*ORDERS), _of_statement(*TRADES), CHANGED_ORDER, *TRIGGERS)
    for statement in made:
        op.get_bind().exec_driver_sql(statement)
    for counted in (ORDERS, TRADES):
        op.get_bind().exec_driver_sql(_first_counts(*counted))


def downgrade() -> None:
    """Nothing is lost: orders and trades themselves stay, and are counted anew by the next upgrade."""
    op.execute("DROP TABLE row_changes, row_counts")
    op.execute("DROP FUNCTION fold_row_changes, count_orders, count_trades, count_changed_order CASCADE")

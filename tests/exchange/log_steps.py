"""The steps of an import up to a point, for tests of one of them."""

from pathlib import Path

from exchange_data import MAPPING, log_of

from aign.exchange.logs.columns import resolve
from aign.exchange.logs.episodes import put_together
from aign.exchange.logs.mapping import LogMapping
from aign.exchange.logs.table import open_header, read_table
from aign.exchange.logs.values import read_values


def read_log(folder, store, change=lambda log: log, **changes):
    """Return mapping, columns, errors, values and episodes of a store's log after a change to it."""
    mapping = LogMapping.model_validate({**MAPPING, **changes})
    log = change(log_of(store))
    log.to_parquet(folder / "log.parquet", index=False)
    header = open_header(folder / "log.parquet")
    columns = resolve(Path("map.yaml"), mapping, store.scenario, header)
    table = read_table(header, columns.names)
    values = read_values(table, columns, mapping)
    return mapping, columns, table.errors, values, put_together(values, table.errors, mapping, store.scenario.horizon)

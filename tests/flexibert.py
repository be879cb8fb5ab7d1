"""The FlexiBERT table as a product of choices."""

import json

import pandas as pd

from archbo.spaces import CategoricalSpace

LAYERS = 4


def flexibert(path):
    """A table with one column for each decision, and its space; encoders trained twice are averaged."""
    source = pd.read_parquet(path)
    records = []
    for row in source.itertuples():
        record = {"hidden": str(row.hidden_size)}
        layers = json.loads(row.layers_json)
        kinds, heads, widths, stacks = (
            getattr(row, name).split("|") for name in ("op_types", "heads", "ffn_dims", "ffn_stack")
        )
        for layer in range(LAYERS):
            there = layer < len(layers)
            record[f"op_{layer}"] = kinds[layer] if there else "none"
            record[f"heads_{layer}"] = heads[layer] if there else "none"
            record[f"width_{layer}"] = widths[layer] if there else "none"
            record[f"stack_{layer}"] = stacks[layer] if there else "none"
        records.append(record)
    decisions = pd.DataFrame(records)
    columns = list(decisions)
    table = decisions.assign(score_glue=source["score_glue"].astype(float))
    table = table.groupby(columns, sort=False, as_index=False).mean()
    choices = {column: sorted(decisions[column].unique()) for column in columns}
    return CategoricalSpace("flexibert", choices), table

"""The obvious alternatives to the data stages; run by bench_data: `rival_data.py WHAT FILE ROWS`."""

import hashlib
import json
import re
import sys
import tempfile
from itertools import islice
from pathlib import Path


def content_id(messages: list[dict[str, str]]) -> str:
    """Return the content id of a row, as caretune.lineage.identity does."""
    value = {"messages": messages, "source": "made"}
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def hf(path: str, rows: int) -> None:
    """Give ids through HF datasets, two processes."""
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        read = datasets.load_dataset(
            "json", data_files=path, split=f"train[:{rows}]", cache_dir=cache
        )
        read = read.map(lambda row: {"id": content_id(row["messages"])}, num_proc=2)
        read.sort("id").to_json(f"{cache}/out.jsonl")


def polars(path: str, rows: int) -> None:
    """Give ids through polars."""
    import polars as pl

    frame = pl.read_ndjson(path, n_rows=rows)
    ids = pl.col("messages").map_elements(
        lambda said: content_id(said.to_list()), return_dtype=pl.String
    )
    with tempfile.TemporaryDirectory() as folder:
        frame.with_columns(id=ids).sort("id").write_ndjson(f"{folder}/out.jsonl")


def sketch(path: str, rows: int) -> None:
    """Look for near-duplicates with datasketch, as its documentation does."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=0.3, num_perm=128)
    found = 0
    with Path(path).open(encoding="utf-8") as file:
        for number, text in enumerate(islice(file, rows)):
            said = " ".join(message["content"] for message in json.loads(text)["messages"])
            words = re.findall(r"\w+", said.casefold())
            signature = MinHash(num_perm=128)
            signature.update_batch(
                [" ".join(gram).encode() for gram in zip(words, words[1:], words[2:], strict=False)]
            )
            found += len(index.query(signature))
            index.insert(str(number), signature)
    print(found)


if __name__ == "__main__":
    {"datasets.map": hf, "polars": polars, "datasketch": sketch}[sys.argv[1]](
        sys.argv[2], int(sys.argv[3])
    )

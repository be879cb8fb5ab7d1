"""The examples of the README run."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_python_examples_run_in_order():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert len(blocks) >= 3
    names = {}
    for block in blocks:
        exec(block, names)
    assert names["value"] == names["accuracy"](names["best"])
    assert names["std"] > 0


def test_space_file_is_read(tmp_path):
    from archbo.spaces import CategoricalSpace

    (block,) = re.findall(r"```toml\n(.*?)```", README.read_text(), flags=re.DOTALL)
    path = tmp_path / "space.toml"
    path.write_text(block)
    assert CategoricalSpace.from_toml(path).size == 9

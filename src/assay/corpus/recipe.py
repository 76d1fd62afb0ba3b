"""Reads recipes: the data files that say what goes into a corpus."""

import hashlib
import tomllib
from pathlib import Path

from pydantic import ValidationError

from assay.corpus.model import Recipe
from assay.errors import UserError

RECIPES = Path(__file__).parent / "recipes"


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with assay."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name: str) -> tuple[Recipe, str]:
    """Return a recipe by its name, or by the path of a .toml file, with the sha256 of the file."""
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        data = path.read_bytes()
    except OSError as error:
        known = ", ".join(recipe_names())
        raise UserError(f"There is no corpus recipe {name}; use one of {known}, or a .toml file.") from error
    try:
        recipe = Recipe.model_validate(tomllib.loads(data.decode("utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        first = str(error).replace("\n", " ")
        raise UserError(f"The recipe {path} is not valid ({first}); mend it and run again.") from error
    pinned = {pin.package for pin in recipe.package}
    for source in recipe.source:
        if source.package not in pinned:
            raise UserError(
                f"The recipe {path} reads {source.package}, which it does not pin; add a [[package]] for it."
            )
    return recipe, hashlib.sha256(data).hexdigest()

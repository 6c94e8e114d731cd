"""All recipes; a route that has none fails the matrix by its name."""

from tests.permissions.recipe import Recipe
from tests.permissions.recipes import (
    audit,
    bonus,
    corrections,
    indicator,
    recomputes,
    reports,
    scoring,
    simulation,
    submission,
)

RECIPES: tuple[Recipe, ...] = (
    *indicator.RECIPES,
    *submission.RECIPES,
    *scoring.RECIPES,
    *bonus.RECIPES,
    *recomputes.RECIPES,
    *reports.RECIPES,
    *simulation.RECIPES,
    *audit.RECIPES,
    # Last: what an approved correction exempts has no problem any more.
    *corrections.RECIPES,
)

"""All recipes; a route that has none fails the matrix by its name."""

from tests.permissions.recipe import Recipe
from tests.permissions.recipes import (
    audit,
    bonus,
    context,
    corrections,
    documents,
    indicator,
    people,
    recomputes,
    reports,
    scoring,
    simulation,
    submission,
    year_end,
)

RECIPES: tuple[Recipe, ...] = (
    # First of all: a year's result is made final before anybody amends what it rests on.
    *year_end.RECIPES,
    *indicator.RECIPES,
    *submission.RECIPES,
    *scoring.RECIPES,
    *bonus.RECIPES,
    *recomputes.RECIPES,
    *reports.RECIPES,
    *context.RECIPES,
    *simulation.RECIPES,
    *documents.RECIPES,
    *people.RECIPES,
    *audit.RECIPES,
    # Last: what an approved correction exempts has no problem any more.
    *corrections.RECIPES,
)

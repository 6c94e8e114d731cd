import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.lodging import remove_lodging
from deploy.local.places import Home


@pytest.fixture
def home() -> Iterator[Home]:
    """A directory of data that every user may walk to, as /tmp's own are not."""
    directory = Path(tempfile.mkdtemp(prefix="liandong-test-"))
    directory.chmod(0o711)
    place = Home(directory)
    place.make()
    yield place
    remove_lodging(directory / "postgres")
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def is_root() -> bool:
    return os.geteuid() == 0

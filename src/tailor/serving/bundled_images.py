"""The images of a bundle: those of its measured rows and of its worked examples, each once, under the name of its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tailor.content import MediaPart
from tailor.errors import StoreError, quoted
from tailor.files import real_path, write_atomically
from tailor.limits import IMAGE_BYTES
from tailor.outside import read_file
from tailor.serving.certified import Certified

FOLDER = "images"


class Images:
    """Copies images of a project into a bundle.

    Args:
        project: folder of the project.
        bundle: folder of the bundle.
    """

    def __init__(self, project: Path, bundle: Path) -> None:
        self._project, self._bundle = project, bundle

    def of(self, found: Certified) -> Certified:
        """What was certified, with the images in it as they lie in the bundle.

        An image is told by its hash wherever it lies, so the system stays what it was.

        Raises:
            StoreError: an image is gone, or another one than was measured.
        """
        rows = tuple(replace(row, example=replace(row.example, media=self._copied(row.example.media))) for row in found.rows)
        shots = tuple(shot.model_copy(update={"media": self._copied(shot.media)}) for shot in found.system.prompt.shots)
        return replace(found, rows=rows, system=found.system.with_(prompt={"shots": shots}) if shots else found.system)

    def _copied(self, media: Mapping[str, MediaPart]) -> dict[str, MediaPart]:
        return {name: self._copy(part) for name, part in media.items()}

    def _copy(self, part: MediaPart) -> MediaPart:
        moved = replace(part, path=f"{FOLDER}/{part.sha256[:16]}.{part.mime.partition('/')[2]}")
        target = self._bundle / moved.path
        if not target.exists():
            source = real_path(self._project / part.path)
            try:
                data = read_file(source, IMAGE_BYTES) if source.is_relative_to(real_path(self._project)) else b""
            except OSError:
                data = b""
            if hashlib.sha256(data).hexdigest() != part.sha256:
                raise StoreError(
                    f"the image {quoted(part.path, 200)} is gone, or another one than was measured", "Run `tailor run` again."
                )
            target.parent.mkdir(exist_ok=True)
            write_atomically(target, data)
        return moved

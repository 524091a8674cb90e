"""Draw the graphs that the starter encoder runs (searchengine/models/starter/*.onnx).

    pip install onnx onnxscript
    python scripts/make_starter_graphs.py

Each network of starter_networks.py is exported with the weights that it has, then every tensor of
the graph is replaced by the place of the same bytes in the file of weights; the file that lies
there is what onnxruntime reads. To be run anew when weights or networks change; it prints the
digests that searchengine/models/starter/packaged.py then needs.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import starter_networks as networks
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from searchengine.models.starter import audio, depth, image, imu, thermal
from searchengine.models.starter.packaged import packaged_file

Values: TypeAlias = npt.NDArray[Any]

#: Tensors of fewer bytes stay in the graph: shapes, and what says how it is padded.
SMALL_BYTES = 64


class WithLogits(nn.Module):
    """A network of ours that gives its logits beside its vectors."""

    def __init__(self, network: networks.DepthNet | networks.ImuNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.network.logits(x)
        return self.network.place(logits), logits


class Head(nn.Module):
    """The head of infrared frames, from maps and where the picture lies to vectors and numbers."""

    def __init__(self, head: networks.ThermalHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, maps: Tensor, pictured: Tensor) -> tuple[Tensor, Tensor]:
        numbers, dark = self.head(maps)
        return self.head.mix(numbers, dark, pictured), numbers


def main() -> None:
    ours, zeros = networks.load_ours, torch.zeros
    frames = zeros(2, 1, thermal.HEIGHT_PX, thermal.WIDTH_PX)
    pictures = networks.PICTURES
    draw("lite0", networks.Infrared(), [frames], packaged_file(pictures["lite0"]))
    lite2 = networks.load_pictures("lite2")
    side = zeros(2, 3, image.SIDE_PX, image.SIDE_PX)
    draw("lite2", lite2, [side], packaged_file(pictures["lite2"]))
    mels = zeros(2, 1, audio.FRAMES, audio.MELS)
    draw("audio", ours(networks.AudioNet(), audio.WEIGHTS), [mels], audio.WEIGHTS)
    maps = zeros(2, 3, depth.HEIGHT_PX, depth.WIDTH_PX)
    draw("depth", WithLogits(ours(networks.DepthNet(), depth.WEIGHTS)), [maps], depth.WEIGHTS)
    windows = zeros(2, 6, imu.WINDOW)
    draw("imu", WithLogits(ours(networks.ImuNet(), imu.WEIGHTS)), [windows], imu.WEIGHTS)
    seen = [zeros(2, networks.MAPS, 16, 20), zeros(2, networks.DIM)]
    draw("thermal", Head(ours(networks.ThermalHead(), thermal.WEIGHTS)), seen, thermal.WEIGHTS)


def draw(name: str, network: nn.Module, inputs: Sequence[Tensor], weights: Path) -> None:
    """Write NAME.onnx, whose first axes are free, and print its digest."""
    written = io.BytesIO()
    axes = tuple({0: torch.export.Dim("n", min=1)} for _ in inputs)
    exported = torch.onnx.export(
        network.eval().float(), tuple(inputs), dynamo=True, optimize=False, dynamic_shapes=axes
    )
    exported.save(written)
    model = onnx.load_from_string(written.getvalue())
    settle(model.graph)
    point_into(model.graph, weights)
    forget_origin(model)
    path = image.WORDS.with_name(f"{name}.onnx")
    path.write_bytes(model.SerializeToString())
    print(f'    "{path.name}": "{hashlib.sha256(path.read_bytes()).hexdigest()}",')


def settle(graph: onnx.GraphProto) -> None:
    """Constants whose type the exporter leaves open become floats, biases of zeros go.

    onnxruntime joins a convolution, its norm and its limits only where these are known.
    """
    constants = [one for one in graph.node if one.op_type == "Constant"]
    known = {one.output[0]: helper.get_attribute_value(one.attribute[0]) for one in constants}
    made = {output: one for one in graph.node for output in one.output}
    for node in [one for one in graph.node if one.op_type == "CastLike" and one.input[0] in known]:
        value = known[node.input[0]]
        read = numpy_helper.to_array(value) if isinstance(value, TensorProto) else value
        values = np.asarray(read, np.float32)
        graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
        graph.node.remove(node)
    for node in [one for one in graph.node if one.op_type == "Conv" and len(one.input) == 3]:
        if node.input[2] in made:  # expanded from a constant 0; a bias that was learned is not made
            graph.node.remove(made[node.input.pop()])


def point_into(graph: onnx.GraphProto, weights: Path) -> None:
    """Replace the tensors of a graph by places in a file, turned and cast to what they were."""
    content = weights.read_bytes()
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.nbytes < SMALL_BYTES:
            continue
        place, axes, kept = found(values, content, f"{weights}: {tensor.name}")
        name = tensor.name
        tensor.CopyFrom(outside(f"{name}_kept", kept, weights.name, place))
        back = np.argsort(axes).tolist()
        turn = helper.make_node("Transpose", [f"{name}_kept"], [f"{name}_turned"], perm=back)
        cast = helper.make_node("Cast", [f"{name}_turned"], [name], to=TensorProto.FLOAT)
        graph.node.insert(0, cast)
        graph.node.insert(0, turn)


def forget_origin(model: onnx.ModelProto) -> None:
    """Without traces of the code that each node came from, the paths of this machine in them."""
    graph = model.graph
    graph.ClearField("value_info")
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def found(values: Values, content: bytes, name: str) -> tuple[int, tuple[int, ...], Values]:
    """Where the values lie, the order of axes in which they do, and they as they lie there."""
    for axes, kind in product(permutations(range(values.ndim)), (np.float32, np.float16)):
        kept = np.ascontiguousarray(values.transpose(axes).astype(kind))
        place = content.find(kept.tobytes())
        if place >= 0:
            return place, axes, kept
    raise SystemExit(f"{name} {values.shape} is not in the file of weights")


def outside(name: str, kept: Values, file: str, place: int) -> TensorProto:
    """A tensor that lies in ``file``."""
    kind = helper.np_dtype_to_tensor_dtype(kept.dtype)
    tensor = TensorProto(name=name, dims=kept.shape, data_type=kind)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", file), ("offset", place), ("length", kept.nbytes)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


if __name__ == "__main__":
    main()

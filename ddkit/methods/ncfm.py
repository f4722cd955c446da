"""NCFM: Dataset Distillation with Neural Characteristic Function: A Minmax Perspective (Wang et al., CVPR 2025).

As in DM, the features of each class's synthetic images are compared with those of a real batch, both augmented with the
same parameters. There are four differences:

- The distance is that of the features' characteristic functions (`characteristic`), weighted by amplitude and phase.
- The frequencies come from a sampling network that moves up the gradient of the distance (`frequencies`), or are drawn.
- The networks are between an expert's first and last parameters (`expert_networks`).
- Images move by Adam, whose rate falls along half a cosine. In a calibration they lower the cross entropy of the
  expert's last network.

The images and the sampling network move on the same loss, at the same time.

The paper's text and its released code differ. `ncfm` has the paper's settings, `ncfm-release` those of the code:

                         ncfm                           ncfm-release
    frequencies          1,024, by a sampling network   4,096, normal (in the code, the network is off)
    length of features   as it is; here the mean is 1   each is 1
    state of Adam        one a class                    one, stepped once for each class
    calibrations         0                              1 an iteration, weight 1/300

Both methods here differ from the code:

- A real batch is drawn from all images of a class. The code always takes the first 1,024.
- A loss is computed from the images of the same step. In the code they are about ten steps old.
- All classes of an iteration share its frequencies. The code draws them again for each class.
- The learning rate falls along a cosine. The code halves it whenever the loss, which is noisy, stops falling.
- Pixels have no weight decay and are not clipped.

The published learning rate is for pixels from 0 to 1. Images here have standard deviation 1, so the same step is about
four times as large.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor

from ddkit.data import DSAParams
from ddkit.methods.annealed_adam import Learned, annealed_adam
from ddkit.methods.characteristic import characteristic, characteristic_distance
from ddkit.methods.class_batches import ClassBatches
from ddkit.methods.contract import Context
from ddkit.methods.division import of_own_classes
from ddkit.methods.expert_networks import ExpertNetworks, Network
from ddkit.methods.frequencies import FrequencyDraw, FrequencySampler
from ddkit.methods.initial import initial_images
from ddkit.methods.ncfm_settings import NCFMSettings
from ddkit.methods.starting import starting_images
from ddkit.randomness import restored, stream
from ddkit.steps import convolution_precision
from ddkit.synth import SyntheticSet

BETAS = (0.9, 0.999)
"""The betas of Adam."""


@dataclass(frozen=True, eq=False)
class NCFMState:
    """The state of NCFM.

    Attributes:
        images, first, second: [n, C, H, W], with Adam's moments.
        psi, psi_first, psi_second: parameters of the sampling network [p], with Adam's moments; [0] without one.
        iteration: number of iterations done.
        rng: the generator's state.
    """

    images: Tensor
    first: Tensor
    second: Tensor
    psi: Tensor
    psi_first: Tensor
    psi_second: Tensor
    iteration: int
    rng: Tensor


@dataclass(frozen=True, eq=False)
class Draw:
    """The draws of an iteration: networks for matching and calibration, for each class a real batch and its
    augmentation, the augmentation of each class in each calibration, and the frequencies."""

    matching: Network
    calibrating: Network
    real: list[Tensor]
    params: list[DSAParams]
    calibrations: list[list[DSAParams]]
    frequencies: FrequencyDraw


class CharacteristicMatching:
    """Base class of NCFM's two forms, which differ in the defaults of their settings. The set is the last iterate."""

    state_class = NCFMState
    loss_limit = None
    blame = "lower method.lr_img"

    def __init__(self, settings: NCFMSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._counts = settings.counts(context.real)
        self._real = ClassBatches(context.real.train, context.real.data.class_count)
        self._networks = ExpertNetworks(settings, settings.name, context, self._real)
        self._sampler = FrequencySampler(settings, self._feature_count())
        classes = range(context.real.data.class_count)
        self._turns = [classes] if settings.state == "class" else [range(c, c + 1) for c in classes]
        """The classes whose gradients enter one step of Adam."""

    @property
    def iterations(self) -> int:
        return self._settings.iterations

    def init(self) -> NCFMState:
        context, counts, generator = self._context, self._counts, stream(self._context.seed, "condense")
        images = starting_images(
            self._settings, counts, context, lambda pix_init, small: initial_images(pix_init, small, context, generator)
        )
        psi = self._sampler.init(stream(context.seed, "condense", "sampler"), images)
        return _state(Learned.begin(images), Learned.begin(psi), 0, generator)

    def step(self, state: NCFMState) -> tuple[NCFMState, Mapping[str, Tensor | float]]:
        settings, turns = self._settings, self._turns
        generator = restored(state.rng)
        drawn = self._draw(generator)
        learned = Learned(state.images, state.first, state.second)
        psi = Learned(state.psi, state.psi_first, state.psi_second)
        loss, amplitude = state.images.new_zeros(()), state.images.new_zeros(())
        steps = len(turns) * (1 + settings.calibrations)
        t = state.iteration * steps
        with convolution_precision(self._context.device, "float32"):
            for turn, classes in enumerate(turns):
                match = partial(self._match, drawn, psi.value)
                own_loss, gradient, ascent, own_amplitude = self._summed(classes, learned.value, match)
                loss, amplitude = loss + own_loss, amplitude + own_amplitude
                learned = self._moved(learned, gradient, t + turn, steps, settings.lr_img)
                if self._sampler.parameters:
                    number = state.iteration * len(turns) + turn
                    psi = self._moved(psi, -ascent, number, len(turns), settings.lr_sampler)
            for number, params in enumerate(drawn.calibrations, 1):
                for turn, classes in enumerate(turns, number * len(turns)):
                    calibrate = partial(self._calibrate, drawn.calibrating, params)
                    _, gradient = self._summed(classes, learned.value, calibrate)
                    learned = self._moved(learned, gradient, t + turn, steps, settings.lr_img)
        count = self._context.real.data.class_count
        metrics: dict[str, Tensor | float] = {"loss": loss / count, "amplitude": amplitude / count}
        return _state(learned, psi, state.iteration + 1, generator), metrics

    def finish(self, state: NCFMState) -> SyntheticSet:
        return self._context.as_set(self._settings, state.images)

    def _draw(self, generator: torch.Generator) -> Draw:
        settings, context = self._settings, self._context
        classes, side = range(context.real.data.class_count), context.real.data.shape[1:]
        matching, calibrating = self._networks.draw(generator)
        return Draw(
            matching=matching,
            calibrating=calibrating,
            real=[self._real.draw(c, settings.batch_real, generator) for c in classes],
            params=[context.dsa.sample(generator, 1, None, side) for _ in classes],
            calibrations=[
                [context.dsa.sample(generator, 1, None, side) for _ in classes] for _ in range(settings.calibrations)
            ],
            frequencies=self._sampler.draw(generator, context.real.train.images),
        )

    def _summed(
        self, classes: range, images: Tensor, derive: Callable[[int, Tensor], tuple[Tensor, ...]]
    ) -> tuple[Tensor, ...]:
        """Sums over classes of what `derive` returns for a class and its images, of which the first is a loss and the
        second its derivative for these images."""
        own = self._counts.split(images)
        groups = [range(c, c + 1) for c in classes]
        return of_own_classes(
            self._context.ranks, groups, self._counts, images, lambda group: derive(group.start, own[group.start])
        )

    def _moved(self, learned: Learned, gradient: Tensor, t: int, steps: int, lr: float) -> Learned:
        """One step of Adam, number t, of `steps` an iteration."""
        before, steps = (learned.value, learned.first, learned.second), self._settings.iterations * steps
        return Learned(*annealed_adam(*before, gradient=gradient, t=t, steps=steps, lr=lr, betas=BETAS))

    def _match(self, drawn: Draw, psi: Tensor, c: int, images: Tensor) -> tuple[Tensor, ...]:
        """The distance [] of class c, its derivatives for the class's images and psi, and the real amplitude []."""
        settings, context = self._settings, self._context
        images, psi = images.detach().requires_grad_(), psi.detach().requires_grad_()
        batch = self._real.images(drawn.real[c])
        batch, views = context.dsa.siamese(drawn.params[c], batch, settings.expand(images))
        with torch.no_grad():
            real = drawn.matching.features(batch)
        synthetic = drawn.matching.features(views)
        if settings.length == "each":
            real, synthetic = F.normalize(real), F.normalize(synthetic)
        else:
            mean = real.norm(dim=1).mean()
            real, synthetic = real / mean, synthetic / mean
        frequencies = self._sampler.frequencies(psi, drawn.frequencies)
        target = characteristic(real, frequencies)
        found = characteristic(synthetic, frequencies)
        loss = characteristic_distance(target, found, settings.amplitude, settings.phase)
        gradient, ascent = torch.autograd.grad(loss, (images, psi), materialize_grads=True)
        return loss.detach(), gradient, ascent, target.detach().abs().mean()

    def _calibrate(self, network: Network, params: list[DSAParams], c: int, images: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted cross entropy [] of class c's images, and its derivative for them."""
        settings, context = self._settings, self._context
        images = images.detach().requires_grad_()
        (views,) = context.dsa.siamese(params[c], settings.expand(images))
        label = torch.full((len(views),), c, device=context.device)
        loss = settings.calibration_weight * F.cross_entropy(network.logits(views), label)
        (gradient,) = torch.autograd.grad(loss, images)
        return loss.detach(), gradient

    def _feature_count(self) -> int:
        images = self._context.real.train.images[:2]  # batch norm needs two
        with torch.no_grad():
            return self._context.net.features(images.new_zeros(self._context.net.parameters), images).shape[1]


def _state(images: Learned, psi: Learned, iteration: int, generator: torch.Generator) -> NCFMState:
    return NCFMState(
        images=images.value,
        first=images.first,
        second=images.second,
        psi=psi.value,
        psi_first=psi.first,
        psi_second=psi.second,
        iteration=iteration,
        rng=generator.get_state(),
    )


@final
class NCFM(CharacteristicMatching):
    """NCFM with the settings of the paper."""

    settings_class = NCFMSettings

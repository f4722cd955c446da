"""DM against the published formula in float64."""

import pytest
import torch

from ddkit.methods.dm import DM, DMSettings


def stream_of(state):
    """A generator where the state's is."""
    generator = torch.Generator()
    generator.set_state(state.rng)
    return generator


@pytest.mark.parametrize("net", ["convnet(depth=2, width=4)", "convnet(depth=2, width=4, norm=batch)"])
@pytest.mark.parametrize("augment", ["", "color_crop_scale_rotate"])
def test_a_step_is_the_published_one(net, augment, in_float64):
    """With batch norm the published code sends all classes through the network together, and so does this."""
    context = in_float64(net, augment)
    settings = DMSettings(ipc=2, batch_real=5, lr_img=0.7)
    method = DM(settings, context)
    state = method.init()
    generator = stream_of(state)
    theta = context.net.init(generator, torch.float64)
    images = state.images.clone().requires_grad_()
    reals, owns = [], []
    for c in range(3):
        members = (context.real.train.labels == c).nonzero().flatten()
        real = context.real.train.images[members[torch.randperm(len(members), generator=generator)[:5]]]
        params = context.dsa.sample(generator, 1, None, (8, 8))
        reals.append(context.dsa.apply(real[None], params)[0])
        owns.append(context.dsa.apply(images[2 * c : 2 * c + 2][None], params)[0])
    if context.net.has_stats:
        f, g = (context.net.features(theta, torch.cat(x)).view(3, -1, 16) for x in (reals, owns))
    else:
        f, g = (torch.stack([context.net.features(theta, own) for own in x]) for x in (reals, owns))
    loss = (f.mean(1) - g.mean(1)).square().sum()
    (gradient,) = torch.autograd.grad(loss, images)
    new, metrics = method.step(state)
    torch.testing.assert_close(new.images, state.images - 0.7 * gradient, rtol=0, atol=1e-12)
    torch.testing.assert_close(metrics["loss"], loss.detach(), rtol=1e-12, atol=0)


def test_images_gather_momentum(in_float64):
    method = DM(DMSettings(batch_real=5, lr_img=0.1), in_float64())
    one, _ = method.step(method.init())
    two, _ = method.step(one)
    torch.testing.assert_close(two.images, one.images - 0.1 * two.image_velocity, rtol=0, atol=1e-12)
    still = DM(DMSettings(batch_real=5, lr_img=1e-12), in_float64())
    kept = still.step(one)[0].image_velocity - two.image_velocity
    torch.testing.assert_close(kept, torch.zeros_like(kept), rtol=0, atol=1e-9)


def test_a_class_smaller_than_the_batch_is_taken_whole(in_float64):
    context = in_float64()
    method = DM(DMSettings(batch_real=256), context)
    state, _ = method.step(method.init())
    assert state.images.isfinite().all()


def test_the_loss_falls(in_float64):
    context = in_float64()
    method = DM(DMSettings(batch_real=14, lr_img=0.5, pix_init="noise"), context)
    state, losses = method.init(), []
    for _ in range(30):
        state, metrics = method.step(state)
        losses.append(float(metrics["loss"]))
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])

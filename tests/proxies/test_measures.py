"""Measures against numbers worked out by hand, plain autograd, numpy, and published counts."""

import copy
import math
import time

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from archbo import catalog
from archbo.errors import NumericalWarning, UsageError
from archbo.proxies import (
    LAYERWISE,
    MEASURES,
    NAS_BENCH_SUITE_ZERO,
    EdgeCellSkeleton,
    GnnSkeleton,
    compute,
    compute_layers,
    network,
    ranks,
)
from archbo.proxies.measures.images import random_images

NB201 = catalog.space("nb201")
every_measure = pytest.mark.parametrize("name", MEASURES)


class SmallNet(nn.Module):
    """What a user may have: two convolutions, one of them on a residual branch."""

    def __init__(self, inplace=False, classes=3):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace)
        self.second = nn.Conv2d(4, 4, 1, bias=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(4, classes)

    def features(self, x):
        x = self.relu(self.norm(self.first(x)))
        return x + self.second(x)

    def forward(self, x):
        return self.linear(self.pool(self.features(x)).flatten(1))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return SmallNet()


def batch(n=12, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, 6, 6, generator=generator)
    return x, torch.arange(n) % classes


def weights(net):
    return [p for p in net.parameters() if p.ndim > 1]


def gradients(net, x, y):
    return torch.autograd.grad(cross_entropy(net(x), y), weights(net))


def one(net, measure, x=None, y=None, **options):
    x0, y0 = batch()
    x, y = x0 if x is None else x, y0 if y is None else y
    return compute(net, x, y, [measure], **options)[measure]


# By hand: one weight vector, half the squared output as the loss.


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("grad_norm", 3 * math.sqrt(2)),  # g = (w x) x = (3, 3)
        ("snip", 1 * 3 + 2 * 3),
        ("plain", 1 * 3 + 2 * 3),
        ("l2_norm", math.sqrt(5)),
        ("grasp", -(1 * 6 + 2 * 6)),  # H g = x x' g = (6, 6)
        ("fisher", 2 * (3 * 3) ** 2 / 2),  # output 3, its gradient 3, two weights
        ("synflow", math.log(1 + 2)),
        ("params", 2e-6),
        ("flops", 2e-6),
    ],
)
def test_a_linear_network_by_hand(name, wanted):
    net = nn.Linear(2, 1, bias=False)
    net.weight.data = torch.tensor([[1.0, 2.0]])
    x = torch.ones(1, 2)
    score = one(net, name, x, torch.zeros(1), loss=lambda output, _: (output**2).sum() / 2)
    assert score == pytest.approx(wanted, rel=1e-6)


def test_signs_matter_to_plain_and_grasp_only():
    net = nn.Linear(2, 1, bias=False)
    net.weight.data = torch.tensor([[-1.0, 2.0]])
    x = torch.ones(1, 2)
    scores = compute(
        net, x, torch.zeros(1), ["snip", "plain", "grasp", "synflow"], loss=lambda o, _: o.sum()
    )
    # g = (1, 1), and a linear loss has no curvature.
    assert scores == {"snip": 3, "plain": 1, "grasp": 0, "synflow": pytest.approx(math.log(3))}


# Against plain autograd.


def test_sums_over_weights_are_those_of_autograd(net):
    x, y = batch()
    found = gradients(net, x, y)
    pairs = [(w.detach(), g) for w, g in zip(weights(net), found, strict=True)]
    scores = compute(net, x, y, ["grad_norm", "snip", "plain", "l2_norm"])
    assert scores["grad_norm"] == pytest.approx(sum(float(g.norm()) for g in found), rel=1e-5)
    assert scores["snip"] == pytest.approx(
        sum(float((w * g).abs().sum()) for w, g in pairs), rel=1e-5
    )
    assert scores["plain"] == pytest.approx(sum(float((w * g).sum()) for w, g in pairs), abs=1e-5)
    assert scores["l2_norm"] == pytest.approx(sum(float(w.norm()) for w, _ in pairs))


def test_grasp_is_the_hessian_times_the_gradient():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 2, bias=False))
    x, y = torch.randn(5, 3), torch.arange(5) % 2
    flat = torch.cat([w.detach().flatten() for w in weights(net)])

    def loss(vector):
        first, second = vector[:12].reshape(4, 3), vector[12:].reshape(2, 4)
        return cross_entropy((x @ first.T).tanh() @ second.T, y)

    g = torch.autograd.functional.jacobian(loss, flat)
    H = torch.autograd.functional.hessian(loss, flat)
    assert one(net, "grasp", x, y) == pytest.approx(-float(flat @ H @ g), rel=1e-4)


def test_fisher_is_half_the_squared_effect_of_scaling_a_channel(net):
    # Multiply each channel of a layer's output, sample by sample, by m = 1: the gradient by m is the saliency.
    x, y = batch()
    scale = torch.ones(12, 4, 1, 1, requires_grad=True)
    hidden = net.relu(net.norm(net.first(x)))
    logits = net.linear(net.pool(hidden + net.second(hidden) * scale).flatten(1))
    (effect,) = torch.autograd.grad(cross_entropy(logits, y), scale)
    wanted = float((effect**2).mean(0).sum() / 2) * 4  # four weights per channel
    parts = compute_layers(net, x, y, ["fisher"])["fisher"]
    assert parts["second"] == pytest.approx(wanted, rel=1e-4)


def test_fisher_counts_every_call_of_a_layer():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1, bias=False)
            self.layer.weight.data.fill_(2.0)

        def forward(self, x):
            return self.layer(self.layer(x))

    # Outputs 2 and 4; gradients of the last output by them 2 and 1.
    x = torch.ones(1, 1)
    score = one(Twice(), "fisher", x, torch.zeros(1), loss=lambda output, _: output.sum())
    assert score == pytest.approx((2 * 2) ** 2 / 2 + (4 * 1) ** 2 / 2)


def test_synflow_is_the_flow_through_a_positive_network_without_normalisation(net):
    clean = copy.deepcopy(net).double()
    clean.norm = nn.Identity()
    for p in clean.parameters():
        p.data.abs_()
    clean(torch.ones(1, 2, 6, 6).double()).sum().backward()
    flow = sum(float((w.detach() * w.grad).abs().sum()) for w in weights(clean))
    assert one(net, "synflow") == pytest.approx(math.log(flow), rel=1e-9)


def test_jacobian_scores_are_those_of_numpy(net):
    x, y = batch()
    x.requires_grad_()
    (J,) = torch.autograd.grad(net(x).sum(), x)
    J = J.flatten(1).numpy().astype(np.float64)
    v = np.linalg.eigvalsh(np.corrcoef(J))
    assert one(net, "jacov") == pytest.approx(-np.sum(np.log(v + 1e-5) + 1 / (v + 1e-5)), rel=1e-3)
    logs = [np.log(np.abs(np.corrcoef(J[y.numpy() == c])) + 1e-5).sum() for c in range(3)]
    assert one(net, "epe_nas") == pytest.approx(np.abs(logs).sum(), rel=1e-3)


def test_epe_nas_compares_classes_where_there_are_many():
    torch.manual_seed(0)
    net = SmallNet(classes=101)
    x, y = batch()
    x.requires_grad_()
    (J,) = torch.autograd.grad(net(x).sum(), x)
    J = J.flatten(1).numpy().astype(np.float64)
    s = [np.log(np.abs(np.corrcoef(J[y.numpy() == c])) + 1e-5).sum() / 4 for c in range(3)]
    wanted = sum(abs(a - b) for a in s for b in s) / 3
    assert one(net, "epe_nas", x.detach(), y) == pytest.approx(wanted, rel=1e-3)


def test_nwot_counts_agreeing_codes(net):
    x, _ = batch()
    seen = []
    handle = net.relu.register_forward_hook(lambda module, arguments, _: seen.append(arguments[0]))
    net(x)
    handle.remove()
    codes = (seen[0] > 0).flatten(1).numpy()
    K = np.array([[np.sum(a == b) for b in codes] for a in codes], dtype=np.float64)
    assert one(net, "nwot") == pytest.approx(np.linalg.slogdet(K)[1], rel=1e-9)


def test_nwot_of_twin_samples_is_minus_infinity(net):
    x, y = batch(2, 2)
    twins = x[:1].repeat(2, 1, 1, 1)
    assert one(net, "nwot", twins, y) == -math.inf


def test_zen_is_the_response_to_a_small_change(net):
    # With its seed known, draws are the same in the order of the docstring: weights, input, change.
    other = copy.deepcopy(net).train()
    torch.manual_seed(5)
    with torch.no_grad():
        for layer in (other.first, other.second, other.linear):
            nn.init.normal_(layer.weight)
        other.first.bias.zero_()
        other.norm.reset_running_stats()
        x = torch.randn(12, 2, 6, 6)
        moved = x + 0.01 * torch.randn(12, 2, 6, 6)
        change = (other.features(x) - other.features(moved)).abs().sum((1, 2, 3)).mean()
        wanted = math.log(change) + math.log(other.norm.running_var.mean()) / 2
    assert one(net, "zen", seed=5) == pytest.approx(wanted, rel=1e-6)


def test_zen_looks_at_feature_maps_without_a_pooling_module():
    class Mean(SmallNet):
        def forward(self, x):
            return self.linear(self.features(x).mean((2, 3)))

    torch.manual_seed(0)
    net = Mean()
    # The last map that a module gives is that of the second convolution: it is part of the sum.
    assert math.isfinite(one(net, "zen"))
    dense = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    assert math.isfinite(one(dense, "zen", torch.randn(6, 4), torch.arange(6) % 3))


def test_tangent_kernel_scores(net):
    x, y = batch()
    net.norm.track_running_stats = False  # torch.func keeps no running statistics
    parameters = dict(net.named_parameters())

    def summed(values):
        return torch.func.functional_call(net, values, (x,)).sum(-1)

    J = torch.func.jacrev(summed)(parameters)
    J = torch.cat([part.flatten(1) for part in J.values()], 1).detach().double().numpy()
    K = J @ J.T
    v = np.linalg.eigvalsh(K)
    assert one(net, "ntk") == pytest.approx(v[-1] / v[0], rel=1e-2)
    same = np.where(y.numpy()[:, None] == y.numpy(), 1, -1)
    assert one(net, "lga") == pytest.approx(np.corrcoef(K.ravel(), same.ravel())[0, 1], abs=1e-5)


def test_a_singular_tangent_kernel_is_as_bad_as_can_be():
    net = nn.Linear(2, 1, bias=False)  # two weights for three samples
    for seed in range(8):  # rounding takes the smallest eigenvalue to either side of zero
        x = torch.randn(3, 2, generator=torch.Generator().manual_seed(seed))
        assert one(net, "ntk", x, torch.zeros(3)) > 1e9


def test_zico_is_the_signal_to_noise_of_two_batches(net):
    x, y = batch()
    halves = [gradients(net.train(), x[half], y[half]) for half in (slice(0, 6), slice(6, 12))]
    wanted = 0.0
    for a, b in zip(*halves, strict=True):
        pair = torch.stack([a, b]).double().numpy()
        deviation = pair.std(0)
        ratio = np.abs(pair).mean(0)[deviation > 0] / deviation[deviation > 0]
        wanted += np.log(ratio.sum())
    assert one(net, "zico") == pytest.approx(wanted, rel=1e-4)


def test_flatness_is_the_inverse_slope_under_noise():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(0.0)
    torch.manual_seed(3)
    noise = float(torch.randn(1, 1))  # the loss moves by that, times the scale
    score = one(
        net, "flatness", torch.ones(1, 1), torch.zeros(1), seed=3, loss=lambda o, _: o.sum()
    )
    assert score == pytest.approx(1 / (8 * abs(noise)), rel=1e-4)


def test_parameters_and_operations_are_as_published(nb201_table):
    columns = ["arch_str", "c10_zc_params", "c10_zc_flops", "is_valid_net"]
    table = pd.read_parquet(nb201_table, columns=columns)
    images = torch.zeros(1, 3, 32, 32)
    for row in table[table.is_valid_net].sample(8, random_state=0).itertuples():
        net = network(NB201, row.arch_str)
        # One image is too few for the 1x1 maps of other nets, not for these.
        scores = compute(net, images, torch.zeros(1, dtype=torch.int64), ["params", "flops"])
        assert scores["params"] == pytest.approx(row.c10_zc_params, rel=1e-6)
        # Theirs counts 81 instead of 64 values for each average of 8 x 8.
        assert scores["flops"] == pytest.approx(row.c10_zc_flops - 64 * 17e-6, rel=1e-6)


@pytest.mark.parametrize(
    ("module", "shape", "wanted"),
    [
        (nn.Conv2d(4, 6, 3, padding=1, bias=False), (4, 5, 5), 4 * 6 * 9 * 25),
        (nn.Conv2d(4, 6, 3, stride=2, padding=1), (4, 5, 5), 4 * 6 * 9 * 9 + 6 * 9),
        (nn.Conv2d(4, 8, 3, groups=4, bias=False), (4, 5, 5), 8 * 9 * 9),
        (nn.Conv1d(4, 6, 3, bias=False), (4, 5), 4 * 6 * 3 * 3),
        (nn.Linear(7, 5), (7,), 35),
        (nn.Linear(7, 5), (3, 7), 3 * 35),
        (nn.BatchNorm2d(4), (4, 5, 5), 2 * 100),
        (nn.BatchNorm2d(4, affine=False), (4, 5, 5), 100),
        (nn.ReLU(), (4, 5, 5), 100),
        (nn.MaxPool2d(3, stride=2), (4, 5, 5), 4 * 4 * 9),
        (nn.AvgPool2d((1, 2)), (4, 5, 4), 4 * 5 * 2 * 2),
        (nn.AdaptiveAvgPool2d(1), (4, 5, 5), 100),
        (nn.Identity(), (4,), 0),
        (nn.Sequential(nn.Linear(7, 5), nn.ReLU()), (7,), 40),
    ],
)
def test_operations_of_a_module(module, shape, wanted):
    inputs = torch.randn(2, *shape)
    assert one(module, "flops", inputs, torch.zeros(2)) == pytest.approx(wanted / 1e6)


# What holds for all.


@every_measure
def test_a_measure_is_the_same_alone_and_with_others(net, name):
    x, y = batch()
    together = compute(net, x, y, tuple(MEASURES))[name]
    assert together == pytest.approx(one(net, name), rel=1e-5, nan_ok=True)


@every_measure
def test_the_same_seed_gives_the_same_score_and_leaves_the_generator_alone(name):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Dropout(0.3), SmallNet())
    state = torch.get_rng_state()
    scores = [one(net, name, seed=seed) for seed in (1, 1, 2)]
    assert torch.get_rng_state().equal(state)
    assert scores[0] == scores[1]
    data_free = name in ("l2_norm", "params", "flops", "synflow")
    assert (scores[0] == scores[2]) is data_free


@every_measure
@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(net, name, training):
    net.train(training)
    net.second.requires_grad_(False)
    before = copy.deepcopy(net.state_dict())
    one(net, name)
    after = net.state_dict()
    assert all(value.equal(after[key]) for key, value in before.items())
    assert all(module.training == training for module in net.modules())
    assert all(p.grad is None for p in net.parameters())
    assert [p.requires_grad for p in net.second.parameters()] == [False]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


@every_measure
def test_frozen_networks_and_other_modes_score_the_same(net, name):
    frozen = copy.deepcopy(net).eval().requires_grad_(False)
    assert one(frozen, name) == one(net, name)


@every_measure
def test_activations_in_place_score_the_same(net, name):
    inplace = SmallNet(inplace=True)
    inplace.load_state_dict(net.state_dict())
    assert one(inplace, name) == pytest.approx(one(net, name), rel=1e-5)


def test_inputs_are_left_as_they_were(net):
    x, y = batch()
    before = x.clone()
    compute(net, x, y, tuple(MEASURES))
    assert x.equal(before)
    assert not x.requires_grad
    assert x.grad is None


def test_all_measures_take_graph_networks():
    space = catalog.space("nas-bench-graph")
    generator = torch.Generator().manual_seed(0)
    x, edges = (
        torch.randn(20, 5, generator=generator),
        torch.randint(20, (2, 60), generator=generator),
    )
    net = network(space, "0,1,1,2|gat,gcn,arma,fc", GnnSkeleton(features=5, hidden=8, classes=3))
    scores = compute(net, (x, edges), torch.arange(20) % 3, tuple(MEASURES))
    assert all(map(math.isfinite, scores.values())), scores


def test_layers_add_up_to_the_score(net):
    x, y = batch()
    scores, layers = compute(net, x, y, LAYERWISE), compute_layers(net, x, y)
    for name in LAYERWISE:
        assert set(layers[name]) == {"first", "second", "linear"}
        total = sum(layers[name].values())
        wanted = math.exp(scores[name]) if name == "synflow" else scores[name]
        assert total == pytest.approx(wanted, rel=1e-6)


def test_a_dead_network_flows_nowhere(net):
    net.second.weight.data.zero_()
    net.linear.weight.data.zero_()
    scores = compute(net, *batch(), ["synflow", "snip"])
    assert scores == {"synflow": -math.inf, "snip": 0.0}


def test_networks_without_activations_have_no_codes():
    net = nn.Sequential(nn.Flatten(), nn.Linear(72, 3))
    assert one(net, "nwot") == -math.inf


@pytest.mark.parametrize(
    "name", [m for m in MEASURES if m not in ("params", "flops", "nwot", "zen")]
)
def test_scores_that_are_no_number_are_kept(net, name):
    net.linear.weight.data[0, 0] = math.nan
    assert math.isnan(one(net, name))


def test_a_users_network_in_five_lines():
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    )
    images, labels = random_images(32, resolution=12, channels=1, classes=4)
    scores = compute(net, images, labels)
    assert tuple(scores) == NAS_BENCH_SUITE_ZERO
    assert all(map(math.isfinite, scores.values()))


def test_thirteen_measures_of_a_reduced_network_take_less_than_half_a_second():
    images, labels = random_images(16, resolution=16)
    arch = "(2, 2, 2, 2, 2, 2)"  # convolutions everywhere
    net = network(NB201, arch, EdgeCellSkeleton(channels=4, cells=1))
    seconds = []
    for _ in range(4):
        started = time.process_time()
        compute(net, images, labels)
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.5


# What fails, and what says nothing.


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.qkv = nn.Conv2d(2, 8, 2, 2), nn.Linear(8, 24)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        q, k, v = (part[:, None] for part in self.qkv(tokens).chunk(3, -1))
        return self.head(self.attend(q, k, v)[:, 0].mean(1))

    def attend(self, q, k, v):
        return nn.functional.scaled_dot_product_attention(q, k, v)


def test_attention_is_differentiated_twice():
    torch.manual_seed(0)
    net, (x, y) = Attention(), batch()
    w = weights(net)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        g = torch.autograd.grad(cross_entropy(net(x), y), w, create_graph=True)
    Hg = torch.autograd.grad(sum((a.detach() * a).sum() for a in g), w)
    wanted = -sum(float((a * b).detach().sum()) for a, b in zip(w, Hg, strict=True))
    scores = compute(net, x, y)
    assert scores["grasp"] == pytest.approx(wanted, rel=1e-4)
    # The others are those of fused attention.
    assert scores["snip"] == pytest.approx(one(net, "snip"), rel=1e-4)
    assert torch.backends.cuda.flash_sdp_enabled()


class Fused(Attention):
    """It asks for the kernel that has no second derivative by name."""

    def attend(self, q, k, v):
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)[0]


def test_a_measure_that_fails_is_nan_and_the_others_stand():
    torch.manual_seed(0)
    net, (x, y) = Fused(), batch()
    alone = compute(net, x, y, ["grad_norm", "fisher", "zen"])
    message = "grasp cannot be computed for this Fused and is NaN: RuntimeError: derivative for"
    with pytest.warns(NumericalWarning, match=message) as found:
        scores = compute(net, x, y, ["grad_norm", "grasp", "fisher", "zen"])
    assert len(found) == 1
    assert math.isnan(scores.pop("grasp"))
    assert scores == pytest.approx(alone)
    with pytest.warns(NumericalWarning, match="grasp cannot"):
        parts = compute_layers(net, x, y, ["grasp", "snip"])
    assert list(parts["grasp"]) == list(parts["snip"])
    assert all(map(math.isnan, parts["grasp"].values()))
    assert all(map(math.isfinite, parts["snip"].values()))


def test_a_loss_without_gradient_is_told_of_once():
    torch.manual_seed(0)
    net, (x, _) = SmallNet(classes=1), batch()
    with pytest.warns(
        NumericalWarning, match="for regression give another loss, .*mse_loss"
    ) as told:
        scores = compute(
            net, x, torch.zeros(12, dtype=torch.int64), ["grad_norm", "snip", "fisher"]
        )
    assert len(told) == 1
    assert set(scores.values()) == {0.0}
    targets = torch.arange(12.0).unsqueeze(-1)
    right = compute(net, x, targets, ["grad_norm", "snip", "fisher"], loss=mse_loss)
    assert min(right.values()) > 0


def test_a_dead_cell_is_no_fault_of_the_loss():
    net = network(NB201, [0] * 6, EdgeCellSkeleton(channels=4, cells=1))
    images, labels = random_images(8, resolution=8)
    assert compute(net, images, labels, ["grad_norm", "snip"])["snip"] >= 0  # and no warning


# What is refused.


@pytest.mark.parametrize(("label", "text"), [(3, "a label is 3"), (-1, "a label is -1")])
@pytest.mark.parametrize("name", ["snip", "zico", "flatness"])
def test_labels_beyond_the_classes_are_refused(net, name, label, text):
    x, y = batch()
    y[4] = label
    with pytest.raises(UsageError, match=f"has 3 outputs, but {text}; give labels from 0 to 2"):
        one(net, name, x, y)
    y[4] = -100  # which cross_entropy leaves out
    assert math.isfinite(one(net, name, x, y))


def test_targets_that_do_not_fit_the_loss_are_refused(net):
    x, y = batch()
    for targets in (torch.rand(12), y[:7]):
        with pytest.raises(UsageError, match=r"the loss fails on outputs .*\(12, 3\).*mse_loss"):
            one(net, "snip", x, targets)


def test_inputs_that_do_not_fit_the_network_are_refused(net):
    _, y = batch()
    with pytest.raises(UsageError, match=r"this SmallNet fails on the inputs .*\(12, 7, 6, 6\)"):
        one(net, "snip", torch.rand(12, 7, 6, 6), y)
    with pytest.raises(UsageError, match=r"fails on the inputs .*TypeError"):
        one(net, "snip", (torch.rand(12, 2, 6, 6), y), y)


@pytest.mark.parametrize("name", [*LAYERWISE, "ntk", "lga"])
def test_networks_without_weights_are_refused(name):
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(UsageError, match="the network has no weights"):
        one(net, name, torch.rand(12, 3, 6, 6))
    assert one(net, "params", torch.rand(12, 3, 6, 6)) == 0


def test_unknown_measures_and_unfit_targets_are_refused(net):
    x, y = batch()
    with pytest.raises(UsageError, match="unknown measure 'snap'"):
        compute(net, x, y, ["snap"])
    with pytest.raises(UsageError, match="jacov is not a sum over layers"):
        compute_layers(net, x, y, ["jacov"])
    for name in ("epe_nas", "lga"):
        with pytest.raises(UsageError, match=f"{name} compares classes"):
            compute(net, x, torch.zeros(12, 3), [name])


def test_networks_with_several_outputs_are_refused():
    class Two(nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(UsageError, match="gives a tuple"):
        one(Two(), "snip")


def test_jacobians_by_integers_are_refused():
    net = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 3))
    tokens = torch.arange(18).reshape(6, 3) % 5
    assert math.isfinite(one(net, "snip", tokens, torch.arange(6) % 3))
    for name in ("jacov", "zen"):
        with pytest.raises(UsageError, match="real numbers"):
            one(net, name, tokens, torch.arange(6) % 3)


# Helpers.


def test_ranks_put_what_is_no_number_last():
    scores = torch.tensor([2.0, math.nan, 1.0, math.inf, 2.0, -math.inf])
    assert ranks(scores).tolist() == [5.5, 2, 4, 2, 5.5, 2]
    assert ranks(scores, higher_is_better=False).tolist() == [4.5, 2, 6, 2, 4.5, 2]


@pytest.mark.parametrize("kind", ["natural", "normal", "uniform"])
def test_random_images_follow_from_the_seed(kind):
    state = torch.get_rng_state()
    (a, la), (b, lb), (c, _) = (random_images(8, seed=s, kind=kind) for s in (0, 0, 1))
    assert torch.get_rng_state().equal(state)
    assert a.equal(b)
    assert la.equal(lb)
    assert not a.equal(c)


def test_natural_images_have_little_in_high_frequencies():
    images, _ = random_images(256, resolution=32)
    power = torch.fft.rfft2(images).abs().square().mean((0, 1))[0, 1:]
    frequency = torch.arange(1.0, 17)
    slope = float((power[0] / power[7]).log() / (frequency[0] / frequency[7]).log())
    assert slope == pytest.approx(-2 * 1.8, abs=0.3)  # power is amplitude squared
    assert float(images.std()) == pytest.approx(1, abs=1e-5)

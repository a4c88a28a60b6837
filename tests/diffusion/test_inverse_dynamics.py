import pytest
import torch

from aign.diffusion.inverse_dynamics import ChoiceDynamics, InverseDynamics

S, K, A = 3, 2, 4


@pytest.fixture
def head():
    torch.manual_seed(0)
    return InverseDynamics(S, K, A, hidden=16)


def inputs(batch=64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, size, generator=generator) for size in (S, S, K)]


def test_before_training_it_is_linear_in_the_change_of_state(head):
    now, following, fixed = inputs()
    expected = (following - now) @ head.direct.weight.T + head.direct.bias
    torch.testing.assert_close(head.train()(now, following, fixed), expected)


def test_the_linear_path_is_the_least_squares_fit(head):
    generator = torch.Generator().manual_seed(3)
    change = torch.randn(200, S, generator=generator)
    action = torch.randn(200, A, generator=generator) + 2
    head.fit_linear(change, action)
    residual = (action - head.direct(change)).double()
    # Normal equations: what is left is orthogonal to every input, and to the constant.
    assert residual.mean(0).abs().max() < 1e-5
    assert (change.double().T @ residual / 200).abs().max() < 1e-5


@pytest.mark.filterwarnings("error")
def test_a_state_that_never_changes_does_no_harm_to_the_fit(head):
    change = torch.randn(200, S, generator=torch.Generator().manual_seed(3))
    change[:, 1] = 0
    action = change @ torch.ones(S, A) * 0.25
    head.fit_linear(change, action)
    torch.testing.assert_close(head.direct(change), action, atol=1e-5, rtol=0)
    assert head.direct.weight.abs().max() < 1


def test_actions_are_clipped_outside_training_only(head):
    now, following, fixed = inputs()
    free = head.train()(now, following * 100, fixed)
    assert free.abs().max() > 1
    assert torch.equal(head.eval()(now, following * 100, fixed), free.clamp(-1, 1))


def test_gradients_pass_where_an_action_is_out_of_bounds(head):
    now, following, fixed = inputs()
    loss = head.train()(now, following * 100, fixed).square().mean()
    loss.backward()
    assert head.direct.weight.grad.abs().min() > 0
    assert head.refine[-1].weight.grad.abs().max() > 0


def test_it_learns_actions_that_depend_on_more_than_the_change(head):
    now, following, fixed = inputs(512)
    wanted = torch.cat([0.3 * (following - now), torch.tanh(now[:, :1] * fixed[:, :1])], 1)
    optimiser = torch.optim.Adam(head.parameters(), 1e-2)
    for _ in range(300):
        loss = (head.train()(now, following, fixed) - wanted).square().mean(0)
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
    assert loss[:3].max() < 1e-2
    assert loss[3] < 0.2 * wanted[:, 3].var()


def test_saving_and_opening_changes_no_bit(head, tmp_path):
    head.eval().save_pretrained(tmp_path)
    opened = InverseDynamics.from_pretrained(tmp_path)
    assert torch.equal(opened(*inputs()), head(*inputs()))


@pytest.fixture
def chooser():
    torch.manual_seed(0)
    return ChoiceDynamics(S, K, A, hidden=16)


def test_a_choice_is_the_largest_score_in_training_and_in_use(chooser):
    given = inputs()
    expected = torch.nn.functional.one_hot(chooser.scores(*given).argmax(1), A).float()
    for mode in (True, False):
        assert torch.equal(chooser.train(mode)(*given), expected)


def test_the_loss_of_choices_is_their_negative_log_likelihood(chooser):
    given = inputs()
    chosen = torch.randint(A, (64,), generator=torch.Generator().manual_seed(2))
    actions = torch.nn.functional.one_hot(chosen, A).float()
    probabilities = chooser.scores(*given).softmax(1)[torch.arange(64), chosen]
    torch.testing.assert_close(chooser.eval().loss(*given, actions), -probabilities.log().mean())


def test_choices_are_learned_from_what_they_change(chooser):
    """The value that falls tells who was chosen; a fourth choice changes nothing."""
    generator = torch.Generator().manual_seed(4)
    chosen = torch.randint(A, (512,), generator=generator)
    now, fixed = torch.rand(512, S, generator=generator), torch.zeros(512, K)
    following = now - 0.3 * torch.nn.functional.one_hot(chosen, A)[:, :S]
    actions = torch.nn.functional.one_hot(chosen, A).float()
    optimiser = torch.optim.Adam(chooser.parameters(), 1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        chooser.loss(now, following, fixed, actions).backward()
        optimiser.step()
    assert (chooser(now, following, fixed).argmax(1) == chosen).float().mean() > 0.98


def test_a_chooser_travels_with_its_shape(chooser, tmp_path):
    chooser.save_pretrained(tmp_path)
    opened = ChoiceDynamics.from_pretrained(tmp_path)
    assert torch.equal(opened.scores(*inputs()), chooser.scores(*inputs()))

import pytest
import torch

from aign.diffusion import schedulers
from aign.diffusion.model import DesignModel
from aign.diffusion.plans import Plans, Sampling
from aign.diffusion.strategies import interpolated
from aign.errors import ContextError, ParameterError
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Constraint, satisfied

LIMITS = (Constraint("total_power", "<=", 1.7), Constraint("max_power", "<=", 0.6))
COUNT = 20


@pytest.fixture(scope="module")
def contexts(scenario):
    """Channels in no order."""
    generator = torch.Generator().manual_seed(11)
    gains = scenario.draw_contexts(COUNT, generator)
    return gains.gather(1, torch.rand(gains.shape, generator=generator).argsort(1))


@pytest.fixture
def plan(pipeline, contexts):
    def make(constraints=(), mask=None, seed=1, contexts=contexts, returns=None, project=True, **sampling):
        returns = torch.full((len(contexts),), 0.9) if returns is None else returns
        how = Sampling(**({"steps": 5, "guidance": 1.5, "compositional_guidance": False} | sampling))
        return pipeline(contexts, returns, constraints, mask, how, torch.Generator().manual_seed(seed),
                        project=project)
    return make


def equal(first: Plans, second: Plans) -> bool:
    names = ("states", "raw_designs", "designs")
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in names)


def test_plans_start_at_the_first_state_and_end_at_the_design(plan, scenario, contexts):
    plans = plan()
    assert plans.states.shape == (COUNT, scenario.horizon + 1, 4)
    assert torch.equal(plans.states[:, 0], scenario.initial_state(contexts))
    assert torch.equal(plans.states[:, -1], plans.designs)
    assert torch.equal(scenario.admissible(plans.designs), plans.designs)
    assert plans.states.isfinite().all()


def test_the_seed_decides_the_plans(plan):
    assert equal(plan(seed=1), plan(seed=1))
    assert not torch.equal(plan(seed=1).designs, plan(seed=2).designs)


@pytest.mark.parametrize("name", schedulers.SUPPORTED)
def test_every_scheduler_makes_reproducible_plans(plan, scenario, contexts, name):
    first, second = (plan(LIMITS, seed=4, scheduler=name) for _ in range(2))
    assert equal(first, second)
    assert satisfied(LIMITS, scenario.measure(contexts, first.designs), COUNT).all()


def test_without_noise_the_seed_plays_no_part(plan):
    assert equal(plan(seed=1, temperature=0.0), plan(seed=2, temperature=0.0))


def test_users_keep_the_order_they_were_given_in(plan, contexts):
    plans = plan(LIMITS)
    order = torch.rand(contexts.shape, generator=torch.Generator().manual_seed(0)).argsort(1)
    shuffled = plan(LIMITS, contexts=contexts.gather(1, order))
    assert torch.equal(shuffled.designs, plans.designs.gather(1, order))
    assert torch.equal(shuffled.raw_designs, plans.raw_designs.gather(1, order))
    assert torch.equal(shuffled.states, plans.states.gather(2, order[:, None].expand(plans.states.shape)))
    assert not torch.equal(shuffled.designs, plans.designs)


@pytest.mark.parametrize("projected_steps", [0, 2, 5, 99])
def test_every_design_meets_constraints_with_a_closed_form(plan, scenario, contexts, projected_steps):
    plans = plan(LIMITS, projected_steps=projected_steps)
    assert satisfied(LIMITS, scenario.measure(contexts, plans.designs), COUNT).all()
    raw = satisfied(LIMITS, scenario.measure(contexts, plans.raw_designs), COUNT)
    assert projected_steps > 0 or not raw.all(), "raw designs are what the network makes of the request"


def test_without_projection_designs_are_those_the_network_makes(plan, scenario, contexts):
    raw = plan(LIMITS, project=False)
    assert torch.equal(raw.designs, plan(LIMITS).raw_designs)
    assert torch.equal(raw.designs, raw.raw_designs)
    assert torch.equal(raw.states[:, -1], raw.designs)
    assert torch.equal(scenario.admissible(raw.designs), raw.designs)
    assert equal(raw, plan(LIMITS, project=False, projected_steps=5))


def test_without_projection_each_row_may_have_constraints_that_contradict_those_of_others(plan):
    """Rows of two requests in one batch are those of each request alone."""
    both = (LIMITS[0], Constraint("total_power", ">=", 2.5))
    mask = torch.zeros(COUNT, 2, dtype=torch.bool)
    mask[:10, 0] = mask[10:, 1] = True
    together = plan(both, mask, project=False)
    for number, rows in enumerate((slice(None, 10), slice(10, None))):
        alone = plan(both[number:number + 1], project=False)
        torch.testing.assert_close(together.designs[rows], alone.designs[rows])
    assert not torch.allclose(together.designs[10:], plan(both[:1], project=False).designs[10:], atol=1e-3)


def test_the_last_steps_project_the_design(plan, pipeline, monkeypatch):
    given = []
    project = pipeline.scenario.project
    monkeypatch.setattr(pipeline.scenario, "project",
                        lambda contexts, designs, constraints=(): given.append(tuple(constraints)) or project(
                            contexts, designs, constraints))
    for asked, done in ((0, 0), (3, 3), (9, 5)):
        given.clear()
        plan(LIMITS, projected_steps=asked)
        assert given == [LIMITS] * done + [(), LIMITS]


def test_without_guidance_each_step_is_one_pass(plan, watch, pipeline, contexts):
    plan(LIMITS, guidance=1.0)
    assert len(watch) == 5
    for call in watch:
        noisy, times, known, wanted, shown = call.inputs
        assert noisy.shape == (COUNT, 4, 4)
        assert len(times.unique()) == 1
        assert torch.equal(shown, pipeline.conditions.request(torch.zeros(COUNT), LIMITS)[1])
        assert torch.equal(wanted, pipeline.conditions.request(torch.full((COUNT,), 0.9), LIMITS)[0])
        canonical = contexts.sort(1, descending=True)[0]
        torch.testing.assert_close(known, torch.cat([pipeline.normaliser.fixed(canonical), -torch.ones(COUNT, 4)], 1))


def test_guidance_is_one_doubled_pass_with_and_without_labels(plan, watch):
    plan(LIMITS, guidance=2.0)
    assert len(watch) == 5
    for call in watch:
        for value in call.inputs[:4]:
            assert torch.equal(value[:COUNT], value[COUNT:])
        assert call.inputs[4][:COUNT, :3].all()
        assert call.inputs[4][COUNT:].tolist() == [[True, False, False, False]] * COUNT, "the return is not amplified"


def test_guidance_needs_labels(plan, watch):
    assert equal(plan(guidance=3.0), plan(guidance=1.0))
    hidden = torch.zeros(COUNT, 2, dtype=torch.bool)
    plan(LIMITS, hidden, guidance=3.0)
    assert {len(call.inputs[0]) for call in watch} == {COUNT}


def test_no_guidance_at_all_hides_the_labels(plan):
    hidden = plan(LIMITS, torch.zeros(COUNT, 2, dtype=torch.bool))
    torch.testing.assert_close(plan(LIMITS, guidance=0.0).states, hidden.states, atol=1e-4, rtol=0)
    assert not torch.allclose(plan(LIMITS).states, hidden.states, atol=1e-2)


def test_guidance_goes_from_hidden_labels_through_shown_ones(plan, watch, contexts):
    """With one denoising step the plan is the clamped, guided prediction itself."""
    weight = 3.0
    plans = plan(LIMITS, guidance=weight, steps=1, projected_steps=0)
    shown, hidden = watch[0].output.double().chunk(2)
    expected = (hidden + weight * (shown - hidden)).clamp(-1, 1)
    strongest_first = contexts.argsort(1, descending=True)[:, None].expand(COUNT, 3, 4)
    made = plans.states[:, 2:-1:2].gather(2, strongest_first)
    torch.testing.assert_close(made, ((expected[:, :-1] + 1) * 1.5).float(), atol=1e-4, rtol=0)


def test_each_row_shows_the_labels_it_is_told_to(plan, watch):
    shown = torch.rand(COUNT, 2, generator=torch.Generator().manual_seed(0)) < 0.5
    plan(LIMITS, shown, steps=1, guidance=1.0)
    assert torch.equal(watch[0].inputs[4], torch.cat([torch.ones(COUNT, 1, dtype=torch.bool), shown,
                                                      torch.zeros(COUNT, 1, dtype=torch.bool)], 1))


def test_better_returns_are_asked_for_row_by_row(plan, watch, pipeline):
    returns = torch.linspace(0, 0.99, COUNT)
    plan(returns=returns, steps=1)
    assert torch.equal(watch[0].inputs[3][:, 0], pipeline.conditions.request(returns, ())[0][:, 0])


@pytest.mark.parametrize("stride", [1, 4, 8])
def test_waypoints_may_lie_one_step_or_a_whole_episode_apart(make_trainer, contexts, scenario, stride):
    trainer = make_trainer(stride=stride)
    plans = trainer.pipeline(trainer.average)(contexts, torch.ones(COUNT), LIMITS, sampling=Sampling(steps=2),
                                              generator=torch.Generator().manual_seed(0))
    assert plans.states.shape == (COUNT, 9, 4)
    assert torch.equal(plans.states[:, -1], plans.designs)
    between = plans.states.unflatten(1, (-1, 1))[:, ::stride]
    for offset in range(stride):
        mixed = between[:, :-1] + (between[:, 1:] - between[:, :-1]) * offset / stride
        torch.testing.assert_close(plans.states[:, offset:-1:stride], mixed[:, :, 0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", schedulers.SUPPORTED)
@pytest.mark.parametrize("kind", ["sample", "epsilon", "v_prediction"])
def test_a_perfect_network_of_any_kind_leads_to_its_plan(make_trainer, contexts, monkeypatch, name, kind):
    trainer = make_trainer(prediction=kind)
    pipeline, alphas = trainer.pipeline(trainer.average), trainer.objective.schedule.alphas_cumprod
    clean = torch.rand(COUNT, 4, 4, generator=torch.Generator().manual_seed(0)) * 1.8 - 0.9

    def perfect(noisy, step, known, conditions, shown):
        share = alphas[step.long()][:, None, None]
        noise = (noisy - share.sqrt() * clean) / (1 - share).sqrt()
        return {"sample": clean, "epsilon": noise,
                "v_prediction": share.sqrt() * noise - (1 - share).sqrt() * clean}[kind]

    monkeypatch.setattr(pipeline.unet, "forward", perfect)
    plans = pipeline(contexts, torch.ones(COUNT), sampling=Sampling(name, steps=5, projected_steps=0),
                     generator=torch.Generator().manual_seed(1))
    strongest_first = contexts.argsort(1, descending=True)[:, None].expand(COUNT, 3, 4)
    found = plans.states[:, 2:-1:2].gather(2, strongest_first)
    torch.testing.assert_close(found, (clean[:, :-1] + 1) * 1.5, atol=1e-3, rtol=0)


def test_states_between_waypoints_lie_on_straight_lines():
    generator = torch.Generator().manual_seed(0)
    for stride in (1, 2, 3, 5):
        waypoints = torch.randn(2, 4, 3, generator=generator)
        states = interpolated(waypoints, stride)
        assert states.shape == (2, 3 * stride + 1, 3)
        for time in range(3 * stride + 1):
            place, share = divmod(time, stride)
            expected = waypoints[:, place]
            if share:
                expected = expected + share / stride * (waypoints[:, place + 1] - waypoints[:, place])
            torch.testing.assert_close(states[:, time], expected, atol=1e-6, rtol=1e-6)
        assert torch.equal(states[:, ::stride], waypoints)


def test_wrong_requests_are_refused(plan):
    with pytest.raises(ContextError, match="needs 4 context values"):
        plan(contexts=torch.ones(2, 5))
    with pytest.raises(ContextError, match="gain"):
        plan(contexts=torch.tensor([[0.5, 0.5, 0.5, -1.0]]))
    with pytest.raises(ParameterError, match="Unknown scheduler"):
        plan(scheduler="Euler")
    with pytest.raises(ParameterError, match="denoising steps 21: allowed from 1 to 20"):
        plan(steps=21)


def test_actions_lead_from_state_to_state(pipeline, scenario, dataset):
    """Actions read off recorded transitions, applied in the simulator, lead to the same states again."""
    rows = dataset.rows("test")
    contexts, observed = dataset.gather("context", rows), dataset.gather("observations", rows)
    missed = []
    for time in range(scenario.horizon):
        now, following = observed[:, time, :4], observed[:, time + 1, :4]
        actions = pipeline.act(contexts, now, following)
        assert actions.shape == (len(rows), 4)
        assert actions.abs().max() <= 1
        missed.append((scenario.step(contexts, now, actions)[0] - following).abs().mean())
    still = (observed[:, 1:, :4] - observed[:, :-1, :4]).abs().mean()
    assert torch.stack(missed).mean() < 0.25 * still


def test_a_pipeline_knows_its_scenario_and_statistics(pipeline, scenario):
    assert isinstance(pipeline, DesignModel)
    assert pipeline.scenario.spec() == scenario.spec()
    assert pipeline.normaliser.state_high == [3.0] * 4
    assert list(pipeline.conditions.labels) == [label.name for label in scenario.labels]


def test_composition_guides_by_each_label_alone_in_one_pass(plan, watch, contexts):
    """Ajay et al. (2023), eq. 9: nothing + w sum over labels of (that label alone - nothing)."""
    weight = 1.5
    plans = plan(LIMITS, guidance=weight, compositional_guidance=True, steps=1, projected_steps=0)
    assert [len(call.inputs[0]) for call in watch] == [3 * COUNT]
    views = watch[0].inputs[4].chunk(3)
    assert [view[0].tolist() for view in views] == [[True, True, False, False], [True, False, True, False],
                                                    [True, False, False, False]]
    total, greatest, nothing = watch[0].output.double().chunk(3)
    expected = (nothing + weight * (total - nothing) + weight * (greatest - nothing)).clamp(-1, 1)
    strongest_first = contexts.argsort(1, descending=True)[:, None].expand(COUNT, 3, 4)
    made = plans.states[:, 2:-1:2].gather(2, strongest_first)
    torch.testing.assert_close(made, ((expected[:, :-1] + 1) * 1.5).float(), atol=1e-4, rtol=0)


def test_a_temporal_model_serves_its_own_scenario_only(pipeline):
    with pytest.raises(ParameterError, match=r"serves no other scenario. Train one with train.network.kind: set"):
        pipeline.at(registry.create("water-filling", channels=5))

from tests.benchmarks.support import make_results, ttft

from benchmarks.goals import judge
from benchmarks.parts.base import Metric
from benchmarks.parts.catalogue import PARTS
from benchmarks.results import Failure, Sample
from benchmarks.summary import Figure, Summary, median_ratio

RATE = Metric("rate", "requests/s", "/s", "more")
ADDED = Metric("p50", "added time to first event, median", "µs", "less", added=True)
CASE = "32 x 300 B"


def test_a_figure_is_the_median_of_the_rounds_and_of_their_ratios() -> None:
    summary = Summary(make_results())

    # 200/100 and 300/400 in their rounds: not 250/250
    assert summary.figure("requests", CASE, "smg", RATE) == Figure(250.0, 1.375)


def test_ours_is_not_compared_with_itself() -> None:
    assert Summary(make_results()).figure("requests", CASE, "kthena-router", RATE) == Figure(
        250.0, None
    )


def test_a_peer_without_samples_has_no_figure() -> None:
    assert Summary(make_results()).figure("requests", CASE, "litellm", RATE) is None


def test_added_time_is_what_the_same_round_takes_without_a_proxy_taken_off() -> None:
    results = make_results()
    results.samples += ttft("no proxy", 50.0, 80.0)
    results.samples += ttft("smg", 150.0, 380.0)

    values = Summary(results).values("ttft", "4 clients", "smg", ADDED)

    assert values == {0: 100.0, 1: 300.0}


def test_added_time_needs_the_round_without_a_proxy() -> None:
    results = make_results()
    results.samples += ttft("smg", 150.0)

    assert Summary(results).values("ttft", "4 clients", "smg", ADDED) == {}


def test_ratios_are_taken_of_rounds_that_both_have_and_never_of_zero() -> None:
    assert median_ratio({0: 1.0, 1: 4.0, 2: 9.0}, {1: 2.0, 2: 0.0}) == 2.0
    assert median_ratio({0: 1.0}, {1: 2.0}) is None


def test_the_best_of_several_is_chosen_anew_in_each_round() -> None:
    best = Summary(make_results()).best("requests", CASE, ("nginx", "smg"), RATE)

    assert best == {0: 500.0, 1: 900.0}


def test_a_reason_belongs_to_its_part_and_case() -> None:
    results = make_results()
    results.failures.append(Failure("smg", "slow", "memory", "paced"))
    summary = Summary(results)

    assert summary.reason("memory", "paced", "smg") == "slow"
    assert summary.reason("requests", CASE, "smg") == ""
    assert summary.lost("smg") == ""
    assert summary.lost("litellm") == "does not start: no port"


def test_goals_are_ratios_to_the_best_of_each_round() -> None:
    verdicts = {verdict.title: verdict for verdict in judge(make_results(), PARTS)}

    rust = verdicts["requests/s, 32 x 300 B, to the best Rust router"]
    nginx = verdicts["requests/s, 32 x 300 B, to nginx"]
    assert (rust.value, rust.met) == (1.375, True)  # 200/100 and 300/400
    assert (round(nginx.value, 3), nginx.met) == (0.367, True)
    assert len(verdicts) == 2


def test_a_goal_that_is_missed_says_so() -> None:
    results = make_results()
    results.samples.append(Sample("slow", "64 clients", "kthena-router", 0, {"growth": 10.5}))

    missed = [verdict for verdict in judge(results, PARTS) if not verdict.met]

    assert [(verdict.title, verdict.value) for verdict in missed] == [
        ("growth with slow readers", 10.5)
    ]


def test_a_peer_that_gathers_events_is_no_measure_for_the_cost_of_one() -> None:
    results = make_results()
    for peer, cpu, batch in (
        ("smg", 4.0, 8.0),
        ("vllm-router", 10.0, 1.0),
        ("kthena-router", 9.0, 1.0),
    ):
        values = {"cpu": cpu, "batch": batch}
        results.samples.append(Sample("paced", "64 x 2 ms", peer, 0, values))

    verdicts = {verdict.title: verdict.value for verdict in judge(results, PARTS)}

    assert verdicts["CPU per event, 64 x 2 ms, to the best Rust router"] == 0.9

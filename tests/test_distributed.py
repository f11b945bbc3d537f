"""Claims in several files, shared out by Dask, are estimated as if they were in one."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

import tollest as te
from tollest.simulation.worlds import draw_truth, simulate

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def table():
    """Claims of three sources whose counts are small: many locations, few patterns."""
    truth = draw_truth(3, mu=1.2, tau=0.5, rng=4)
    claims = simulate(12_000, 3, claims_per_location=2.0, truth=truth, rng=5).claims
    frame = claims.to_frame()
    return pd.DataFrame(
        {
            "location": frame["location"].astype(str),
            "source": frame["source"].astype(str),
            "count": frame["lower"],
        }
    )


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    """The same claims in three files, by location."""
    folder = tmp_path_factory.mktemp("claims")
    part = pd.factorize(table["location"])[0] % 3
    for k in range(3):
        table[part == k].to_parquet(folder / f"part-{k}.parquet")
    return folder


@pytest.fixture(scope="module")
def alone(folder):
    return te.distributed.estimate_files(folder, rng=1, progress=False)


@pytest.fixture
def client():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def tables(folder):
    return [pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))]


def test_files_are_estimated_as_one_table_is(table, alone, tmp_path):
    together = te.estimate(te.Claims.from_table(table), rng=2, progress=False)

    alone.write(tmp_path)
    apart = pd.concat(tables(tmp_path)).set_index("location")

    whole = together.table().loc[apart.index]
    # Draws of theta differ; what they say of a toll among thousands hardly does.
    assert np.mean(apart["median"] == whole["median"]) > 0.97
    # Of the largest tolls a death or two is within the error of a few hundred draws.
    moved = (apart["median"] - whole["median"]).abs()
    assert (moved <= np.maximum(1, 0.02 * whole["median"])).all()
    # Means where somebody says 0 hang on how often sources deny, of which few draws know.
    assert_allclose(apart["mean"], whole["mean"], rtol=0.06, atol=0.005)
    sources, of_whole = alone.sources(), together.sources()
    spread = of_whole["bias_upper"] - of_whole["bias_lower"]
    # A fifth of the interval is four standard errors of a median of 80 draws.
    assert ((sources["bias"] - of_whole["bias"]).abs() < 0.2 * spread).all()
    assert sources["n_claims"].tolist() == of_whole["n_claims"].tolist()


def test_workers_give_the_answer_of_one_process(folder, alone, client, tmp_path):
    shared = te.distributed.estimate_files(folder, client=client, rng=1, progress=False)
    shared.write(tmp_path / "shared")
    alone.write(tmp_path / "alone")

    assert_allclose(shared.theta.theta, alone.theta.theta, rtol=1e-9)
    for one, other in zip(tables(tmp_path / "shared"), tables(tmp_path / "alone"), strict=True):
        assert_frame_equal(one, other, rtol=1e-9)
    assert_allclose(shared.total().samples, alone.total().samples, rtol=1e-9)


@pytest.mark.slow
def test_a_worker_that_dies_changes_nothing(folder, alone, client):
    seen = []

    class Killing:
        """A client that loses a worker once the shards are there."""

        def submit(self, function, *args, **options):
            if function.__name__ == "_run" and not seen:
                seen.append(1)
                victim = next(iter(client.scheduler_info()["workers"]))
                client.submit(_die, workers=[victim], pure=False, retries=0)
            return client.submit(function, *args, **options)

        def gather(self, futures):
            return client.gather(futures)

    shared = te.distributed.estimate_files(folder, client=Killing(), rng=1, progress=False)

    assert seen
    assert_allclose(shared.theta.theta, alone.theta.theta, rtol=1e-9)


def _die():
    import os

    os._exit(1)


def test_a_location_in_two_files_is_an_error_that_names_them(table, tmp_path):
    table.iloc[:4].to_parquet(tmp_path / "a.parquet")
    table.iloc[1:9].to_parquet(tmp_path / "b.parquet")

    with pytest.raises(te.ClaimsError, match=r"are in a\.parquet and b\.parquet") as caught:
        te.distributed.estimate_files(tmp_path, progress=False)

    assert table["location"].iloc[1] in str(caught.value)


def test_a_folder_without_files_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no Parquet file"):
        te.distributed.estimate_files(tmp_path, progress=False)


@pytest.mark.parametrize(
    ("files", "error", "says"),
    [
        ([], ValueError, "files is empty"),
        (["nowhere.parquet"], FileNotFoundError, "no file 'nowhere.parquet'"),
        (["a/x.parquet", "b/x.parquet"], ValueError, "the same name"),
    ],
)
def test_files_that_cannot_be_meant_are_errors(files, error, says, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.parquet").write_bytes(b"")

    with pytest.raises(error, match=says):
        te.distributed.estimate_files([tmp_path / name for name in files], progress=False)


def test_where_the_quadratic_is_no_good_the_other_function_is_named(table, tmp_path, monkeypatch):
    table.iloc[:6].to_parquet(tmp_path / "a.parquet")
    monkeypatch.setattr(te.distributed.surrogate_sampling, "sample_surrogate", lambda *_: None)

    with pytest.raises(ValueError, match=r"6 claims are too few .* use tollest\.estimate"):
        te.distributed.estimate_files(tmp_path, progress=False)


def test_wholes_and_parts_are_refused(tmp_path):
    rows = [("W", "p", 9, None), ("P", "q", 5, "W")]
    columns = ["location", "source", "count", "parent"]
    pd.DataFrame(rows, columns=columns).to_parquet(tmp_path / "part.parquet")

    with pytest.raises(ValueError, match="wholes and parts are not estimated in shards"):
        te.distributed.estimate_files(tmp_path, rng=1, progress=False)

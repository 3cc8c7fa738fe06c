"""The pipeline's tables as pandas tables: the utterances of a corpus, and predictions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mfsn.errors import ManifestError
from mfsn.manifest import UTTERANCES, read_table
from mfsn.params import load_params, outputs_of
from mfsn.workspace import Outputs, find_workspace


def load_manifest(workspace_or_path: str | Path | None = None) -> pd.DataFrame:
    """Read the utterances of a prepared corpus.

    Args:
        workspace_or_path: a checkout, for the corpus that its params.yaml names (by default the
            checkout around the current folder); or a manifest.parquet of any corpus.

    Returns:
        One row per utterance that can be used, in the order of the corpus. Labels are merged and
        chosen as params.yaml says. Unknown values are missing (`isna()`). Columns:

        - `utterance_id` (str): unique in the corpus;
        - `path` (str): of the recording, relative to the corpus folder, with `/`;
        - `audio_sha256` (str): of the audio file, 64 hexadecimal digits;
        - `speaker`, `session` (str); `gender` (str): `female` or `male`;
        - `emotion` (str): the class;
        - `valence`, `arousal`, `dominance` (float64): in the unit of the corpus's ratings;
        - `transcript` (str): what is said;
        - `split` (str): `train`, `dev` or `test` of the corpus's own division;
        - `congruent` (bool): demo only, whether words and prosody have the same emotion;
        - `duration_s` (float64): in seconds;
        - `licence` (str): of the recording;
        - `soft_label` (str): JSON, class to share of the raters' votes, where raters did not agree
          on one emotion. Such an utterance may be trained on and is never scored;
        - `decoding` (int): a code of how the recording becomes a wave, which decides the names
          of its rows (`mfsn.audio.decoding.AS_BEFORE`);
        - `same_as` (str): where several recordings have the same samples, the id of the first.

    Raises:
        ManifestError: if the table is missing, is no Parquet file, or has other columns.
        WorkspaceError: if nothing is given and the current folder does not lie in a checkout.
        ConfigError: if params.yaml of the checkout is not understood.

    Example:
        >>> manifest = mfsn.load_manifest()  # doctest: +SKIP
        >>> manifest.groupby("emotion")["duration_s"].mean()  # doctest: +SKIP
    """
    given = None if workspace_or_path is None else Path(workspace_or_path)
    if given is not None and not given.is_dir():
        return read_table(given, UTTERANCES)
    return read_table(_outputs(given).manifest, UTTERANCES)


def load_predictions(
    experiment: str | None = None,
    corpus: str | None = None,
    workspace: str | Path | None = None,
    *,
    segments: bool = False,
) -> pd.DataFrame:
    """Read what the models of an experiment predicted for their test utterances.

    Args:
        experiment: its name; by default that of params.yaml.
        corpus: the corpus of the experiment; by default that of params.yaml.
        workspace: the checkout; by default the one around the current folder.
        segments: whether to read what was predicted for each segment, before the segments of an
            utterance are put together.

    Returns:
        One row per utterance, fold that tests it, seed and rule of selection. Columns:

        - `utterance_id` (str);
        - `fold` (str) and `seed` (int64): of the model;
        - `selection` (str): how its epoch was chosen, `held_out`, `oracle_test` or `last_epoch`;
        - `label` (str): the emotion that the corpus gives;
        - `run` (str): a hash of the configuration and of the data of the model;
        - `predicted` (str): the emotion that the model decides for;
        - `posterior_<class>` (float64): one per class, in [0, 1]; they sum to 1.

        With `segments` one row per segment, with `segment_id` (str) and `valid_samples` (int64,
        samples of real audio) too, and `log_posterior_<class>` (float64) in place of `predicted`
        and `posterior_<class>`. If dimensions are predicted, the columns of each dimension are
        `label_<dimension>`, `predicted_<dimension>` and `mean_<dimension>` (float64, in the unit of
        the corpus's ratings), the last one the mean rating of the model's training data.

    Raises:
        ManifestError: if there are no such predictions (the message names the experiments that
            have some), or the table is no Parquet file.
        WorkspaceError: if no workspace is given and the current folder does not lie in one.
        ConfigError: if params.yaml is not understood.

    Example:
        >>> found = mfsn.load_predictions()  # doctest: +SKIP
        >>> mfsn.scores(found["label"], found["predicted"]).ua  # doctest: +SKIP
    """
    own = _outputs(None if workspace is None else Path(workspace))
    outputs = Outputs(own.workspace, corpus or own.corpus, experiment or own.experiment)
    path = outputs.segment_predictions if segments else outputs.predictions
    if not path.is_file():
        raise _without(outputs, path.name)
    return read_table(path)


def _outputs(workspace: Path | None) -> Outputs:
    checkout = find_workspace(workspace)
    return outputs_of(load_params(checkout), checkout)


def _without(outputs: Outputs, name: str) -> ManifestError:
    others = sorted(path.parent.name for path in outputs.results.parent.glob(f"*/{name}"))
    there = f"there are those of {', '.join(others)}" if others else "run `dvc repro` first"
    return ManifestError(
        f"corpus {outputs.corpus} has no predictions of experiment {outputs.experiment}; {there}"
    )

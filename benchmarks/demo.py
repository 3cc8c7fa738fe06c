"""What the demo's label, and the emotion of its words, can be told from: one number, or a probe.

The label of the demo is the emotion of the voice. Five folds test two unheard voices each. Simple
models of scikit-learn are fitted per fold, and the mean UA over folds is printed:

- the label from one number per utterance: its level in dB (k nearest neighbours);
- the label from the mean over frames of one level of an encoder (logistic regression);
- the emotion of the words from the same means. All voices say the same sentences, so training heard
  the sentences of the test voices.

Run it after `make repro` (system `mfsn`): the features come from the store, nothing is computed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import mfsn
from mfsn.workspace import find_workspace

PROBE = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def main() -> None:
    manifest = mfsn.load_manifest()
    words = manifest["utterance_id"].str.split("-").str[2].to_numpy()
    label = manifest["emotion"].to_numpy()
    print("| from | UA of the label | UA of the words' emotion |\n|---|---|---|")
    nearest = make_pipeline(StandardScaler(), KNeighborsClassifier(15))
    for name, vectors_NP in vectors(manifest):
        model = nearest if vectors_NP.shape[1] == 1 else PROBE
        found = [f"{100 * ua(model, vectors_NP, of, manifest):.1f}" for of in (label, words)]
        print(f"| {name} | {found[0]} | {found[1]} |")


def vectors(manifest: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    """The level of each utterance in dB, (N, 1), then the means of each array of the encoders."""
    yield "level in dB alone", np.array([level_db(path) for path in manifest["path"]])[:, None]
    for extractor in ("sec", "tec"):
        features = mfsn.open_features("demo", extractor)
        frames = features["valid_frames"].to_numpy()
        for level in features:
            rows = features[level].to_numpy().astype(np.float32)
            means = np.stack(
                [row[: max(n, 1)].mean(axis=0) for row, n in zip(rows, frames, strict=True)]
            )
            table = pd.DataFrame(means).groupby(features["utterance_id"].to_numpy()).mean()
            yield f"{extractor} {level}, mean", table.loc[manifest["utterance_id"]].to_numpy()


def level_db(path: str) -> float:
    """The root mean square of a recording, in dB below full scale."""
    wave, _ = soundfile.read(find_workspace() / "data/corpora/demo" / path)
    return float(10 * np.log10((wave**2).mean()))


def ua(
    model: Pipeline, vectors_NP: np.ndarray, target_N: np.ndarray, manifest: pd.DataFrame
) -> float:
    """The mean over the five folds."""
    found, index = [], pd.Index(manifest["utterance_id"])
    for fold in mfsn.make_folds(manifest, "leave_one_session_out"):
        train, test = (
            index.get_indexer(pd.Index(list(ids))) for ids in (fold.train + fold.dev, fold.test)
        )
        said = model.fit(vectors_NP[train], target_N[train]).predict(vectors_NP[test])
        found.append(balanced_accuracy_score(target_N[test], said))
    return float(np.mean(found))


if __name__ == "__main__":
    main()

"""Recordings that hold the same sound, whatever their files look like.

Equal samples are the same sound: a copy in another lossless format, or with other tags. A copy that
is louder, compressed or cut otherwise has other samples; `mfsn.audio.fingerprint` finds it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from mfsn.audio.fingerprint import Fingerprint, similar
from mfsn.base.quantities import counted
from mfsn.corpora.base import Utterance, enumerate_first
from mfsn.corpora.preparing.decoding import Sound

Groups = list[list[Utterance]]


def same_sound(utterances: Sequence[Utterance], sounds: Mapping[str, Sound]) -> Groups:
    """Groups of two or more utterances whose recordings have equal samples, sorted by id.

    Args:
        utterances: those that are compared.
        sounds: for each path, what the recording holds; what was not decoded is not compared.
    """
    groups = defaultdict(list)
    for utterance in sorted(utterances, key=lambda u: u.utterance_id):
        print_ = _print(utterance, sounds)
        if print_ is not None:
            groups[print_.sha256].append(utterance)
    return sorted(
        (group for group in groups.values() if len(group) > 1), key=lambda g: g[0].utterance_id
    )


def contradictions(groups: Groups) -> list[str]:
    """One sentence per recording that occurs twice with different classes or speakers.

    This is a problem since a fold could train on one copy and test on the other.

    Args:
        groups: what `same_sound` returned.
    """
    return [
        f"{enumerate_first([u.utterance_id for u in group])} are the same recording with different "
        f"{what} ({', '.join(sorted(map(str, names)))}); keep one of them"
        for group in groups
        for what, names in (
            ("labels", {utterance.emotion for utterance in group}),
            ("speakers", {utterance.speaker for utterance in group}),
        )
        if len(names) > 1
    ]


def near_copies(
    utterances: Sequence[Utterance], sounds: Mapping[str, Sound]
) -> list[tuple[Utterance, Utterance]]:
    """Pairs of utterances that sound the same although their samples differ.

    Args:
        utterances: those that are compared.
        sounds: for each path, what the recording holds; what was not decoded is not compared.
    """
    ordered = sorted(utterances, key=lambda u: u.utterance_id)
    compared = [(u, print_) for u in ordered if (print_ := _print(u, sounds)) is not None]
    heard, prints = [u for u, _ in compared], [print_ for _, print_ in compared]
    return [
        (heard[one], heard[other])
        for one, other in similar(prints)
        if prints[one].sha256 != prints[other].sha256
    ]


def tell_near_copies(pairs: Sequence[tuple[Utterance, Utterance]]) -> list[str]:
    """One sentence that names all pairs of `near_copies`; nothing if there are none."""
    if not pairs:
        return []
    listed = enumerate_first([_pair(one, other) for one, other in pairs])
    return [
        f"{counted(len(pairs), 'pair')} of recordings sound the same, though their level, format "
        f"or length differs: {listed}; if they are copies, keep one of each pair, since a fold "
        "could train on one and test on the other"
    ]


def _print(utterance: Utterance, sounds: Mapping[str, Sound]) -> Fingerprint | None:
    sound = sounds.get(utterance.path)
    return None if sound is None else sound.print


def _pair(one: Utterance, other: Utterance) -> str:
    differing = [
        f"{what} {mine} and {theirs}"
        for what, mine, theirs in (
            ("labels", one.emotion, other.emotion),
            ("speakers", one.speaker, other.speaker),
        )
        if mine != theirs
    ]
    also = f" ({', '.join(differing)})" if differing else ""
    return f"{one.utterance_id} = {other.utterance_id}{also}"

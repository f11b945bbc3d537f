"""Whether those who attacked are among the dead."""

from dataclasses import dataclass

__all__ = ["Dead", "Everyone", "Victims"]


@dataclass(frozen=True)
class Everyone:
    """All who died, those who attacked among them."""


@dataclass(frozen=True)
class Victims:
    """Those who died, without those who attacked."""


Dead = Everyone | Victims
"""Whose deaths a claim counts."""

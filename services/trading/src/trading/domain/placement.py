"""Which replica runs which account: the same answer in every replica that looks at the same facts.

All sessions of an account go to one replica, because an executor may trade on several of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set


def placed(
    accounts: Iterable[str], members: Iterable[str], held: Mapping[str, Iterable[str]], steady: Set[str]
) -> dict[str, str]:
    """The replica of each account; empty without members.

    `held` names, for each account, the replicas that hold its sessions, one entry a session. An account stays with the one
    that holds most of it. The others go to whoever has fewest. Then accounts move from the fullest replica to the emptiest of
    the `steady` ones, until none of these has two less than another: a replica that comes and goes is given nothing that runs.
    """
    replicas = sorted(set(members))
    if not replicas:
        return {}
    result: dict[str, str] = {}
    homeless = []
    for account in sorted(set(accounts)):
        holders = Counter(holder for holder in held.get(account, ()) if holder in replicas)
        if holders:
            result[account] = max(sorted(holders), key=lambda holder: holders[holder])
        else:
            homeless.append(account)
    loads = Counter(result.values())
    for account in homeless:
        result[account] = _emptiest(replicas, loads)
        loads[result[account]] += 1
    takers = [replica for replica in replicas if replica in steady]
    while takers and loads[fullest := _fullest(replicas, loads)] - loads[emptiest := _emptiest(takers, loads)] > 1:
        # One that nobody holds moves at no cost.
        moving = min((each for each in result if result[each] == fullest), key=lambda each: (bool(held.get(each)), each))
        result[moving] = emptiest
        loads[fullest] -= 1
        loads[emptiest] += 1
    return result


def _emptiest(replicas: list[str], loads: Mapping[str, int]) -> str:
    return min(replicas, key=lambda replica: loads[replica])


def _fullest(replicas: list[str], loads: Mapping[str, int]) -> str:
    return max(replicas, key=lambda replica: loads[replica])

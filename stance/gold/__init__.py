"""Gold: judgements of people, how far they agree, and what the pipeline's output is worth beside them."""

from stance.gold.agreement import Agreement, agreement, krippendorff_alpha
from stance.gold.baselines import BASELINES, ENTAILED, propositions_alone
from stance.gold.estimate import Mean, estimates, naive_mean, ppi_mean
from stance.gold.figures import (
    LABELS,
    Unit,
    cell_agreement,
    class_f1,
    compare,
    figures,
    macro_f1,
    position_f1,
    position_tables,
    sign_errors,
    tables,
)
from stance.gold.floors import check_floors, floor_hashes, write_floors
from stance.gold.plots import plot
from stance.gold.records import (
    ADJUDICATED,
    CellJudgement,
    Gold,
    Judgement,
    Key,
    load_gold,
    locate,
    sentence_hash,
    settled,
)
from stance.gold.tasks import merge, read_coded, sample, write_tasks

__all__ = [
    "ADJUDICATED",
    "BASELINES",
    "ENTAILED",
    "LABELS",
    "Agreement",
    "CellJudgement",
    "Gold",
    "Judgement",
    "Key",
    "Mean",
    "Unit",
    "agreement",
    "cell_agreement",
    "check_floors",
    "class_f1",
    "compare",
    "estimates",
    "figures",
    "floor_hashes",
    "krippendorff_alpha",
    "load_gold",
    "locate",
    "macro_f1",
    "merge",
    "naive_mean",
    "plot",
    "position_f1",
    "position_tables",
    "ppi_mean",
    "propositions_alone",
    "read_coded",
    "sample",
    "sentence_hash",
    "settled",
    "sign_errors",
    "tables",
    "write_floors",
    "write_tasks",
]

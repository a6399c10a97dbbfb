"""dynsparse: is this environment's dynamics sparse, where, and when?

Targets are named after what they make: all, table_1, table_a1_1, figure_1, figure_3, figure_4,
figure_5, figure_6, figure_7, figure_8, summaries, table_recovery, hyperparameters, learning_curves,
verification, report, audit and others. docs/dag.md has them all, and walks through the rules.
"""

import os
import sys

# Rules that ask Snakemake something ask this one, also where its environment is not activated.
os.environ.update(
    PATH=os.pathsep.join([os.path.dirname(sys.executable), *os.get_exec_path()])
)

# A study given by --configfile replaces the default; Snakemake would merge the two.
if not workflow.config_settings.configfiles:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/policies.smk"
include: "workflow/rules/collection.smk"
include: "workflow/rules/verification.smk"
include: "workflow/rules/memory.smk"
include: "workflow/rules/sparsity.smk"
include: "workflow/rules/embedding.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/questions.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/learning.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/audit.smk"


rule all:
    default_target: True
    input:
        ITEMS,
        MANIFEST,
    localrule: True

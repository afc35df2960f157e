"""The area under the ROC curve, for the guides that compare with what narrows does not compute."""
import numpy as np


def auc(scores, labels):
    """scores: [n], labels: [n], not 0: an anomaly. Equal scores count half."""
    labels = np.asarray(labels) != 0
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    _, group = np.unique(scores, return_inverse=True)  # equal scores share their mean rank
    ranks = (np.bincount(group, ranks) / np.bincount(group))[group]
    hits = labels.sum()
    return (ranks[labels].sum() - hits * (hits + 1) / 2) / (hits * (len(labels) - hits))

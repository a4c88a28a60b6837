"""What all pictures share."""

import torch

from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.drawing import draw_utility, panels


def test_panels_come_row_by_row_under_one_title():
    figure, axes = panels("a title", (4, 3), rows=2, columns=3)
    assert figure.get_suptitle() == "a title"
    assert figure.get_size_inches().tolist() == [4, 3]
    assert axes == figure.axes
    assert len(axes) == 6


def test_the_way_ends_beside_what_is_certified():
    certificate = Certificate(torch.tensor([2.0]), torch.zeros(1, 1), torch.ones(1, dtype=torch.bool),
                              CertificateKind.UPPER_BOUND, "")
    _, (axes,) = panels("", (3, 3))
    draw_utility(axes, torch.tensor([0.0, 1.0, 1.5]), certificate)
    path, line = axes.get_lines()
    assert path.get_ydata().tolist() == [0.0, 1.0, 1.5]
    assert list(line.get_ydata()) == [2.0, 2.0]
    assert line.get_label() == "upper bound"

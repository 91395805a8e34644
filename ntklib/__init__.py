"""ntklib: the neural tangent kernel of a network with one hidden layer, one module per chapter of the book."""

from ntklib.gradient_flow import Flow, gradient_flow, half_mse
from ntklib.linear_flow import linear_flow, predict
from ntklib.network import Params, init_params, network, preactivation
from ntklib.ntk import empirical_ntk, empirical_ntk_autodiff, residual_velocity

__all__ = [
    "Flow",
    "Params",
    "empirical_ntk",
    "empirical_ntk_autodiff",
    "gradient_flow",
    "half_mse",
    "init_params",
    "linear_flow",
    "network",
    "preactivation",
    "predict",
    "residual_velocity",
]

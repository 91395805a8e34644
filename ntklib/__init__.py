"""ntklib: the neural tangent kernel of a network with one hidden layer, one module per
chapter of the book.
"""

from ntklib.convergence import ConvergenceCertificate, convergence_certificate
from ntklib.exercises import check
from ntklib.explore import LinearComparison, compare_with_linear_flow
from ntklib.general_loss import function_flow, loss_velocity
from ntklib.gradient_flow import Flow, gradient_flow, half_mse
from ntklib.gronwall import gronwall, gronwall_bound
from ntklib.kernel_drift import (
    WidthSlope,
    kernel_drift,
    ntk_velocity,
    over_widths,
    triple_product,
    triple_product_terms,
    width_slope,
)
from ntklib.limit_kernel import LimitKernel, limit_kernel
from ntklib.linear_flow import (
    kernel_regression,
    largest_stable_step,
    linear_flow,
    predict,
)
from ntklib.network import (
    Params,
    antisymmetric_params,
    init_params,
    linearized_network,
    network,
    preactivation,
)
from ntklib.ntk import empirical_ntk, empirical_ntk_autodiff, residual_velocity
from ntklib.rayleigh import lambda_min, rayleigh_quotient
from ntklib.spectrum import (
    chernoff_width,
    hermite_coefficients,
    hermite_lower_bound,
    lambda_min_at_width,
    ntk_rank,
    positive_definite,
)

__all__ = [
    "ConvergenceCertificate",
    "Flow",
    "LimitKernel",
    "LinearComparison",
    "Params",
    "WidthSlope",
    "antisymmetric_params",
    "check",
    "chernoff_width",
    "compare_with_linear_flow",
    "convergence_certificate",
    "empirical_ntk",
    "empirical_ntk_autodiff",
    "function_flow",
    "gradient_flow",
    "gronwall",
    "gronwall_bound",
    "half_mse",
    "hermite_coefficients",
    "hermite_lower_bound",
    "init_params",
    "kernel_drift",
    "kernel_regression",
    "lambda_min",
    "lambda_min_at_width",
    "largest_stable_step",
    "limit_kernel",
    "linear_flow",
    "linearized_network",
    "loss_velocity",
    "network",
    "ntk_rank",
    "ntk_velocity",
    "over_widths",
    "positive_definite",
    "preactivation",
    "predict",
    "rayleigh_quotient",
    "residual_velocity",
    "triple_product",
    "triple_product_terms",
    "width_slope",
]

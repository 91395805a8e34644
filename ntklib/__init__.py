"""ntklib: the neural tangent kernel of a network with one hidden layer, one module per
chapter of the book.
"""

from ntklib.convergence import ConvergenceCertificate, convergence_certificate
from ntklib.depth import deep_limit_kernel
from ntklib.exercises import check
from ntklib.explore import LinearComparison, compare_with_linear_flow
from ntklib.general_loss import function_flow, loss_velocity
from ntklib.generalization import (
    LearningCurve,
    learning_curve,
    parameter_distance,
)
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
from ntklib.large import (
    EigenvalueBounds,
    eigenvalue_bounds,
    empirical_ntk_operator,
    limit_kernel_operator,
)
from ntklib.lazy_rich import kernel_alignment
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
from ntklib.random_functions import TrainedDistribution, trained_distribution
from ntklib.rayleigh import lambda_min, rayleigh_quotient
from ntklib.spectral_bias import sphere_eigenvalues, sphere_multiplicity
from ntklib.spectrum import (
    chernoff_width,
    hermite_coefficients,
    hermite_lower_bound,
    lambda_min_at_width,
    ntk_rank,
    positive_definite,
)
from ntklib.steps import Descent, gradient_descent
from ntklib.width import (
    KernelDegrees,
    kernel_degrees,
    lambda_min_random_data,
    wishart_edge,
)

__all__ = [
    "ConvergenceCertificate",
    "Descent",
    "EigenvalueBounds",
    "Flow",
    "KernelDegrees",
    "LearningCurve",
    "LimitKernel",
    "LinearComparison",
    "Params",
    "TrainedDistribution",
    "WidthSlope",
    "antisymmetric_params",
    "check",
    "chernoff_width",
    "compare_with_linear_flow",
    "convergence_certificate",
    "deep_limit_kernel",
    "eigenvalue_bounds",
    "empirical_ntk",
    "empirical_ntk_autodiff",
    "empirical_ntk_operator",
    "function_flow",
    "gradient_descent",
    "gradient_flow",
    "gronwall",
    "gronwall_bound",
    "half_mse",
    "hermite_coefficients",
    "hermite_lower_bound",
    "init_params",
    "kernel_alignment",
    "kernel_degrees",
    "kernel_drift",
    "kernel_regression",
    "lambda_min",
    "lambda_min_at_width",
    "lambda_min_random_data",
    "largest_stable_step",
    "learning_curve",
    "limit_kernel",
    "limit_kernel_operator",
    "linear_flow",
    "linearized_network",
    "loss_velocity",
    "network",
    "ntk_rank",
    "ntk_velocity",
    "over_widths",
    "parameter_distance",
    "positive_definite",
    "preactivation",
    "predict",
    "rayleigh_quotient",
    "residual_velocity",
    "sphere_eigenvalues",
    "sphere_multiplicity",
    "trained_distribution",
    "triple_product",
    "triple_product_terms",
    "width_slope",
    "wishart_edge",
]

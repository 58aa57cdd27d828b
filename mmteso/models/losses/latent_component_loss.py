# Copyright (c) mmteso contributors. All rights reserved.
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..prompting import at_least_float32


def latent_component_loss(latents: Tensor, tau: float) -> Tensor:
    r"""InfoNCE among the latents of a frame (paper eq. 10).

    Row i's positive is latent i itself, whose cosine similarity is 1; the
    frame's other latents are its negatives:

    .. math:: L = mean_i -\log \frac{\exp(1 / \tau)}
              {\sum_j \exp(sim(a_i, a_j) / \tau)}

    Args:
        latents (Tensor): F_L, (B, N_a, D).
        tau (float): Temperature.

    Returns:
        Tensor: Mean over frames and latents, a scalar; zero for N_a = 1.
    """
    latents = at_least_float32(latents)
    unit = F.normalize(latents, dim=-1)
    # Not a matrix product: autocast would compute it in half precision, where
    # the loss of latents that are nearly apart is zero.
    logits = (unit[:, :, None] * unit[:, None]).sum(-1) / tau
    return -logits.log_softmax(-1).diagonal(dim1=1, dim2=2).mean()


@MODELS.register_module()
class LatentComponentLoss(nn.Module):
    """Keeps the audio's latent components apart (paper 3.6, eq. 10-11).

    Args:
        tau (float): Temperature. Defaults to 0.1 (ours; not given in
            the paper).
        loss_weight (float): lambda of eq. 11. Defaults to 0.1 (ours).
    """

    def __init__(self, tau: float = 0.1, loss_weight: float = 0.1) -> None:
        super().__init__()
        if not tau > 0:
            raise ValueError(f'tau must be positive, but got {tau}')
        self.tau = tau
        self.loss_weight = loss_weight

    def forward(self, latents: Tensor) -> Tensor:
        """(B, N_a, D) -> weighted scalar."""
        return self.loss_weight * latent_component_loss(latents, self.tau)

# a latent component loss that acts: see docs/recipe.md
_base_ = ['./full.py']

model = dict(latent_loss=dict(tau=1.0, loss_weight=1.0))

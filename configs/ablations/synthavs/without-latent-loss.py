_base_ = ['./full.py']

model = dict(latent_loss=None)

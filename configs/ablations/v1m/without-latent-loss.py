_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(latent_loss=None)

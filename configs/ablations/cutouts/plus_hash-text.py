# ours, by text without meaning
_base_ = ['./plus.py']

model = dict(prompt_encoder=dict(text_dims=128))
dataset = dict(cue_bank='cue_bank.safetensors')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)

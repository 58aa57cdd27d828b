# text without meaning, the generator's own cue bank
_base_ = ['./full.py']

model = dict(prompt_encoder=dict(text_dims=128))
dataset = dict(cue_bank='cue_bank.safetensors')
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)

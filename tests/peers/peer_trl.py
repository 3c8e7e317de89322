"""What TRL reaches on the CPU: a PPO step or a step of its reward trainer; prints one JSON line like `rlcd bench --json`.

usage: peer_trl.py ppo|reward [--threads N] [--steps N]
ppo needs a TRL that still has PPOTrainer (0.24.0 with transformers 4.57.6): 32 rollouts of 128 + 64 tokens, 4 epochs of 4 minibatches;
policy, reference, reward and value model are each LLaMA 135M with random weights, fp32. reward: 4 pairs of two times 256 tokens."""
import argparse, json, resource, tempfile, time
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast, TrainerCallback

parser = argparse.ArgumentParser()
parser.add_argument("work", choices=["ppo", "reward"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--steps", type=int, default=1)
a = parser.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(0)
V = 49152
config = LlamaConfig(vocab_size=V, hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                     intermediate_size=1536, tie_word_embeddings=True, rope_theta=100000.0, num_labels=1, pad_token_id=0,
                     max_position_embeddings=2048)
words = {"<pad>": 0, "<end>": 1, "<unknown>": 2, **{f"w{i}": i for i in range(3, V)}}
tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<unknown>")), pad_token="<pad>",
                                    eos_token="<end>", unk_token="<unknown>", padding_side="left" if a.work == "ppo" else "right")
seconds = []


class Clock(TrainerCallback):
    def on_step_begin(self, *args, **kwargs):
        self.start = time.perf_counter()

    def on_step_end(self, *args, **kwargs):
        seconds.append(time.perf_counter() - self.start)


def rows(n, length):
    return torch.randint(3, V, (n, length)).tolist()


common = dict(output_dir=tempfile.mkdtemp(), use_cpu=True, bf16=False, gradient_checkpointing=False, save_strategy="no", report_to="none",
              logging_steps=1000, disable_tqdm=True)
if a.work == "ppo":
    from trl import PPOConfig, PPOTrainer
    args = PPOConfig(per_device_train_batch_size=32, gradient_accumulation_steps=1, num_mini_batches=4, local_rollout_forward_batch_size=32,
                     total_episodes=32 * a.steps, num_ppo_epochs=4, response_length=64, learning_rate=1e-6, temperature=1.0,
                     stop_token=None, num_sample_generations=0, eval_strategy="no", **common)
    data = Dataset.from_dict({"input_ids": rows(256, 128)})
    trainer = PPOTrainer(args=args, processing_class=tokenizer, model=LlamaForCausalLM(config), ref_model=LlamaForCausalLM(config),
                         reward_model=LlamaForSequenceClassification(config), value_model=LlamaForSequenceClassification(config),
                         train_dataset=data, eval_dataset=data.select(range(8)))
    start = time.perf_counter()
    trainer.train()
    seconds = [(time.perf_counter() - start) / a.steps]
    result, unit = sorted(seconds), "s/step"
else:
    from trl import RewardConfig, RewardTrainer
    n = 4 * (a.steps + 1)
    data = Dataset.from_dict({"chosen_ids": rows(n, 256), "rejected_ids": rows(n, 256)})
    args = RewardConfig(per_device_train_batch_size=4, max_steps=a.steps + 1, max_length=512, **common)
    RewardTrainer(model=LlamaForSequenceClassification(config), args=args, processing_class=tokenizer, train_dataset=data,
                  callbacks=[Clock()]).train()
    result, unit = sorted(2048 / s for s in seconds[1:]), "tok/s"
print(json.dumps(dict(part="TRL " + a.work, unit=unit, min=result[0], median=result[len(result) // 2], max=result[-1],
                      peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))

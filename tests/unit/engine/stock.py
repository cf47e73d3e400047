"""What stock libraries make of an export: run alone, as somebody else's program.

Usage: python stock.py FOLDER [BASE] < texts.json; prints probabilities as JSON.
"""

import json
import sys
from pathlib import Path


def main() -> None:
    folder = Path(sys.argv[1])
    texts = json.load(sys.stdin)
    from transformers import AutoTokenizer  # noqa: PLC0415 # loads slowly

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if (folder / "model.onnx").is_file():
        import numpy as np  # noqa: PLC0415 # loads slowly
        import onnxruntime  # noqa: PLC0415 # loads slowly

        session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
        batch = tokenizer(texts, padding=True, truncation=True, return_tensors="np")
        inputs = {name: batch[name].astype("int64") for name in ("input_ids", "attention_mask")}
        logits = session.run(["logits"], inputs)[0].astype("float64")
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        answers = (shares / shares.sum(axis=1, keepdims=True)).tolist()
    else:
        import torch  # noqa: PLC0415 # loads slowly
        from transformers import AutoModelForSequenceClassification as Model  # noqa: PLC0415 # loads slowly

        if (folder / "adapter_config.json").is_file():
            from peft import PeftModel  # noqa: PLC0415 # loads slowly

            head = json.loads(sys.argv[3])
            base = Model.from_pretrained(sys.argv[2], num_labels=head)
            model = PeftModel.from_pretrained(base, folder).eval()
        else:
            model = Model.from_pretrained(folder).eval()
        batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        with torch.no_grad():
            answers = model(**batch).logits.softmax(dim=1).tolist()
    assert not any(name.split(".")[0] == "mlworker" for name in sys.modules)
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main()

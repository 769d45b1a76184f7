"""Language models of the family Llama on ONNX Runtime: weights, graph, session, vocabulary."""

"""What MNN 3.6.1 makes of ONNX operators, as data, and a guard that finds it in a graph before MNN sees the graph.

``graph`` reads a model into facts about its nodes; every `OperatorRule` of the tables asks for some of them; ``guard``
puts every rule to every node. docs/mnn-operators.md is written from the tables by tools/operator_table.py.
"""

package models

// mlpDigits is a small network for the embedded 8x8 digits that trains in seconds anywhere: 64*100
// + 100*50 + 50*10 weights. It is not from the paper.
var mlpDigits = Model{
	Name: "mlp-digits", About: "two hidden layers of 100 and 50 for the embedded digits: a run takes seconds", Dataset: "digits", Image: [3]int{8, 8, 1}, Classes: 10, Prunable: 11_900,
	Logits: perceptron(10, 100, 50),
}

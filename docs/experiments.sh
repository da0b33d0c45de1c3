#!/bin/sh
# experiments.sh carries out the long experiments of results.md, one training after the other.
# Ctrl-C stops it; the same command continues where it was, and a finished experiment prints its
# table at once. Runs lie in runs/ and use each other's dense networks.
set -eu
cd "$(dirname "$0")/.."

usage() {
	cat <<'TEXT'
usage: docs/experiments.sh [-n] EXPERIMENT...

  lenet-ablation    LeNet-300-100 at 60x and 100x, seeds 1 to 3: the paper's rule, split decay, score
                    memory, both, and a memory that begins when the learning rate first drops
  resnet-ablation   ResNet-56 at 10x in 4 epochs: the same, values of both options, distillation
  seeds             LeNet-300-100 at 60x, seeds 1 to 10: the presets quick and paper
  further           LeNet-300-100 at 100x and 150x (seeds 1 to 3), LeNet-5 at 300x and 320x
  tickets           winning tickets: LeNet-300-100 at 60x (seeds 1 to 3), LeNet-5 at 125x and 300x
  deep              ResNet-56, 10 % and 15 % left: the presets quick and long; long with a learning rate that
                    falls from the start, and with distillation
  paper-deep        ResNet-56 and DenseNet-40: the preset paper, days on a CPU

-n prints the commands instead, one a line.
The ResNet-56 experiments need CIFAR-10 (GSM_DATA=DIR) and a trained network
(GSM_RESNET56=FILE.safetensors). GSM names the program; without it, it is built.
TEXT
	exit 2
}

dry=
if [ "${1-}" = -n ]; then
	dry=yes
	shift
fi
[ $# -gt 0 ] || usage

if [ -z "$dry" ] && [ -z "${GSM-}" ]; then
	go build -o runs/gsm ./cmd/gsm
fi
gsm=${GSM-runs/gsm}
resnet56=${GSM_RESNET56-resnet56.safetensors}

# step ARGS carries out a command, or prints it.
step() {
	if [ -n "$dry" ]; then
		echo "gsm $*"
	else
		echo "+ gsm $*" >&2
		"$gsm" "$@"
	fi
}

# train FOLDER ARGS makes a run, unless it is finished, and remembers its folder for the table.
train() {
	folder=runs/$1
	shift
	folders="$folders $folder"
	if [ -n "$dry" ] || [ ! -f "$folder/report.json" ]; then
		step "$@" --out "$folder"
	fi
}

# table prints what the runs have reached since the last table.
table() {
	# folders has no name with a space in it
	# shellcheck disable=SC2086
	step summary $folders
	folders=
}

lenet_ablation() {
	for seed in 1 2 3; do
		base=lenet-300-60x-paper-seed$seed
		train $base prune lenet-300-100 --preset paper --seed $seed
		for ratio in 60 100; do
			run() { # NAME FLAGS
				name=lenet-300-${ratio}x-$1-seed$seed
				shift
				train "$name" prune lenet-300-100 --preset paper --seed $seed --compress $ratio --base runs/$base "$@"
			}
			if [ $ratio != 60 ]; then
				run neither
			fi
			run split --weight-decay 1e-4 --passive-decay 5e-4
			run memory --score-memory 0.9
			run both --weight-decay 1e-4 --passive-decay 5e-4 --score-memory 0.9
			run late-memory --score-memory 0.9 --memory-from 110
			run late-distill --score-memory 0.9 --memory-from 110 --distill 0.9
		done
	done
	table
}

resnet_ablation() {
	run() { # NAME FLAGS; without flags, the preset's split decay and memory
		name=resnet-56-10x-4-epochs-$1
		shift
		train "$name" prune resnet-56 --preset quick --compress 10 --base "$resnet56" "$@"
	}
	run neither --weight-decay 9.6e-3 --passive-decay 0 --score-memory 0
	run memory --weight-decay 9.6e-3 --passive-decay 0
	run split --score-memory 0
	run both
	for decay in 4.8e-3 2e-2; do
		run both-passive-$decay --passive-decay $decay
	done
	for memory in 0.8 0.97 0.99; do
		run both-memory-$memory --score-memory $memory
	done
	run both-until-2 --memory-until 2
	run both-cosine --cosine --passive-decay 1.05e-2
	run both-cosine-cooler --cosine --momentum 0.98 --passive-decay 2.1e-2
	run both-cosine-cooler-distill-0.9 --cosine --momentum 0.98 --passive-decay 2.1e-2 --distill 0.9
	for share in 0.5 0.9; do
		run both-distill-$share --distill $share
	done
	run distill-alone --weight-decay 9.6e-3 --passive-decay 0 --score-memory 0 --distill 0.9
	table
}

seeds() {
	for preset in quick paper; do
		for seed in 1 2 3 4 5 6 7 8 9 10; do
			train lenet-300-60x-$preset-seed$seed prune lenet-300-100 --preset $preset --seed $seed
		done
		table
	done
}

further() {
	for seed in 1 2 3; do
		train lenet-300-100x-refine-seed$seed prune lenet-300-100 --preset refine --seed $seed
		train lenet-300-150x-refine-seed$seed prune lenet-300-100 --preset refine --compress 150 --margin 0.3 --seed $seed \
			--base runs/lenet-300-100x-refine-seed$seed/gsm
	done
	train lenet-5-300x-refine prune lenet-5 --preset refine
	train lenet-5-320x-refine prune lenet-5 --preset refine --compress 320 --base runs/lenet-5-300x-refine/gsm
	table
}

tickets() {
	for seed in 1 2 3; do
		step ticket lenet-300-100 --preset paper --seed $seed --out runs/lenet-300-60x-paper-seed$seed
	done
	step ticket lenet-5 --preset paper --out runs/lenet-5-125x-paper
	step ticket lenet-5 --preset paper --compress 300 --margin 0.3 --out runs/lenet-5-300x-paper
}

deep() {
	for ratio in 10 6.66667; do
		for preset in quick long; do
			train resnet-56-${ratio}x-$preset prune resnet-56 --preset $preset --compress $ratio --base "$resnet56"
		done
	done
	long() { # NAME FLAGS
		name=resnet-56-10x-long-$1
		shift
		train "$name" prune resnet-56 --preset long --compress 10 --base "$resnet56" "$@"
	}
	long cosine --cosine --learning-rate 2e-3 --passive-decay 1.5e-2
	long distill --distill 0.5
	table
}

paper_deep() {
	for network in resnet-56-projection densenet-40; do
		train $network-10x-paper prune $network --preset paper
	done
	table
}

folders=
for experiment in "$@"; do
	case $experiment in
	lenet-ablation) lenet_ablation ;;
	resnet-ablation) resnet_ablation ;;
	seeds | further | tickets | deep) $experiment ;;
	paper-deep) paper_deep ;;
	*)
		echo "experiments.sh: unknown experiment $experiment" >&2
		usage
		;;
	esac
done

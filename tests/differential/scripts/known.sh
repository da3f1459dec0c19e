# Everything is known: our reading has the launches that bash makes, and no others.

#: declare -i
declare -i N=2*3
N=N+4
fastdeploy serve --n $N

#: declare -i appends
declare -i N=2
N+=3
fastdeploy serve --n $N

#: arithmetic command
((N=4))
fastdeploy serve --n $N

#: arithmetic of variables
A=4; B=$((A * (2 + 1) % 7)); ((C = A << 2, D = C++ + --B))
fastdeploy serve $A $B $C $D

#: arithmetic in octal and hexadecimal
fastdeploy serve $((010 + 0x10 + 2#11)) $((7 / -2)) $((-7 % 3)) $((2**10))

#: arithmetic that asks
N=4
if ((N > 3 && N != 5)); then N=9; fi
fastdeploy serve $N $((N > 3 ? 1 : 2))

#: let
let N=4 M=N+1 'K = M * 2'
fastdeploy serve $N $M $K

#: set in a subshell
N=1
(N=2)
fastdeploy serve $N

#: set in a pipe
N=1
echo x | N=2
echo 4 | { read M; N=$M; }
fastdeploy serve $N

#: set in the background
N=1
N=2 &
wait
{ N=3; } &
wait
fastdeploy serve $N

#: launched in a pipe
N=1
fastdeploy serve $N 2>&1 | tee log

#: launched in a subshell
N=1
(N=2; cd /; fastdeploy serve $N)
fastdeploy serve $N

#: while that counts
i=0
while [ $i -lt 3 ]; do fastdeploy serve --port $((8000 + i)); i=$((i + 1)); done

#: until
i=3
until ((i == 0)); do ((i--)); done
fastdeploy serve $i

#: while true with break
i=0
while true; do i=$((i+1)); [ $i = 3 ] && break; done
fastdeploy serve $i

#: for counted
for ((i = 0; i < 3; i++)); do N=$i; done
for ((;;)); do break; done
fastdeploy serve $i $N

#: continue
for i in 1 2 3; do [ $i = 2 ] && continue; fastdeploy serve $i; done

#: break of two loops
for i in 1 2; do for j in 1 2; do [ $j = 2 ] && break 2; fastdeploy serve $i$j; done; done

#: for of arguments
set -- a 'b c'
for i; do fastdeploy serve "$i"; done
for i in $@; do fastdeploy serve $i; done

#: for without words
N=1
for i in; do N=2; done
fastdeploy serve $N

#: readonly
readonly N=8
fastdeploy serve $N

#: local -r
N=1
f() { local -r N=2; fastdeploy serve $N; }
f
fastdeploy serve $N

#: local without a value
N=1
f() { local N; fastdeploy serve ${N:-9}; N=3; }
f
fastdeploy serve $N

#: locals seen by a callee
N=1
g() { fastdeploy serve $N; N=5; }
f() { local N=2; g; fastdeploy serve $N; }
f
fastdeploy serve $N

#: return
f() { N=1; return 0; N=2; }
f
fastdeploy serve $N

#: function in a subshell
N=1
f() ( N=2; fastdeploy serve $N )
f
fastdeploy serve $N

#: function redefined
f() { fastdeploy serve 1; }
f() { fastdeploy serve 2; }
f

#: prefix of a function
N=1
f() { fastdeploy serve $N; }
N=2 f
fastdeploy serve $N

#: prefix of eval
N=1
N=2 eval 'fastdeploy serve $N'
fastdeploy serve $N

#: prefix that uses another
A=0
FD_A=1 FD_B=$FD_A fastdeploy serve $A

#: export expands first
A=0
export A=1 B=$A
fastdeploy serve $A $B

#: assignments one after the other
A=0
A=1 B=$A
fastdeploy serve $A $B

#: must be set
N=8
fastdeploy serve ${N:?is not set} ${N?}

#: prefix removed
P=/models/a.b/ernie.tar.gz
fastdeploy serve ${P#*/} ${P##*/} ${P%.*} ${P%%.*} ${P#nothing}

#: replaced
P=a-b-c
fastdeploy serve ${P/-/_} ${P//-/_} ${P//-} ${P//[ab]/x} "${P/?-/"q"}"

#: pattern in a variable
P=a.b.c; S=.c
fastdeploy serve ${P%$S} ${P%"$S"} ${P#*.}

#: length and part
P=abcdef
A=(1 22 333)
fastdeploy serve ${#P} ${P:2} ${P:1:3} ${A[1]} ${A[0]}

#: case of letters
P=DeCode
fastdeploy serve ${P,,} ${P^^}

#: alternative
N=8; M=
fastdeploy serve ${N:+--n $N} ${M:+--m $M} ${M+set}

#: default in a default
fastdeploy serve ${A:-${B:-4}} "${A:-a b}" ${A:-a b} ${A:-'q'} "${A:-'q'}"

#: default that is assigned
: ${N:=8}
fastdeploy serve $N

#: here-document as config
N=8
cat > c.yaml <<EOF
max_num_seqs: $N
role: "${R:-decode}"
EOF
fastdeploy serve --config c.yaml

#: quoted here-document as config
N=8
cat <<'EOF' > c.yaml
max_num_seqs: $N
EOF
fastdeploy serve --config c.yaml

#: config in two parts
cat > c.yaml <<E
a: 1
E
echo 'b: 2' >> c.yaml
fastdeploy serve --config c.yaml

#: config by echo
N=4
echo "max_num_seqs: $N" > c.yaml
fastdeploy serve --config c.yaml

#: config by tee
N=4
tee c.yaml <<E > /dev/null
n: $N
E
fastdeploy serve

#: config from a subshell
(cat > c.yaml <<E
a: 1
E
)
fastdeploy serve

#: config written in a function
w() {
cat > c.yaml <<E
n: $1
E
}
w 4
fastdeploy serve

#: exec env
export FD_B=2
exec env FD_A=1 fastdeploy serve --n 1
fastdeploy serve --n 2

#: env without a variable
export FD_A=1 FD_B=2
env -u FD_A fastdeploy serve

#: nohup
nohup fastdeploy serve --n 1 > log 2>&1 &
wait

#: numactl
numactl --cpunodebind=0 --membind=0 fastdeploy serve --n 1

#: torchrun
torchrun --nproc_per_node=8 fastdeploy serve --n 1

#: mpirun
N=8
mpirun -np $N fastdeploy serve --n $N

#: if with known values
R=decode
if [ "$R" = prefill ]; then N=1; elif [ "$R" = decode ]; then N=2; else N=3; fi
fastdeploy serve $N

#: if with and
A=1; B=
if [ -n "$A" ] && [ -z "$B" ]; then N=1; else N=2; fi
fastdeploy serve $N

#: not
A=1
if ! [ $A -gt 4 ]; then N=1; else N=2; fi
if [ ! -z "$A" ]; then M=1; else M=2; fi
fastdeploy serve $N $M

#: double brackets
R=decode-1; N=5
if [[ $R == decode-* && ( $N -gt 4 || -z $R ) ]]; then M=1; else M=2; fi
[[ $R != "decode-*" ]] && K=1 || K=2
fastdeploy serve $M $K

#: double brackets on two lines
A=1
if [[ $A == 1 &&
  $A != 2 ]]; then N=1; else N=2; fi
fastdeploy serve $N

#: case
R=decode
case "$R" in
  prefill|mixed) N=1 ;;
  de*) N=2 ;;
  *) N=3 ;;
esac
fastdeploy serve $N

#: case that goes on
case b in a) A=1 ;& b) B=2 ;& c) C=3 ;; d) D=4 ;; esac
fastdeploy serve ${A:-0} $B $C ${D:-0}

#: case in parentheses
case x in (a) N=1;; (x | y) N=2 ;; esac
fastdeploy serve $N

#: case on one line
case decode in prefill) fastdeploy serve 1;; decode) fastdeploy serve 2;; esac

#: and, or
true && N=1 || N=2
false && M=1 || M=2
fastdeploy serve $N $M

#: and over two lines
false &&
  N=1
fastdeploy serve ${N:-0}

#: false before a subshell
false && (fastdeploy serve 1)
fastdeploy serve 2

#: exit
[ 1 = 2 ] || { fastdeploy serve 1; exit 0; }
fastdeploy serve 2

#: array to which a scalar is added
A=1
A+=(2)
B=(1 2)
B=3
fastdeploy serve "${A[@]}" "${B[@]}"

#: array as one word
A=(--a '1 2')
fastdeploy serve "${A[*]}" "${A[@]}" ${A[@]}

#: positional arguments
set -- --a 1 --b 2
shift 2
fastdeploy serve "$@" $# "$*"

#: arguments of a function
f() { shift; fastdeploy serve "$@" $#; }
f 1 'a b' 3

#: quotes
A='a  b'
fastdeploy serve $A "$A" x$A'y z'\ z "\$A \\ \a" '$A'

#: function over fifteen levels
f() { if (($1 > 0)); then f $(($1 - 1)); else fastdeploy serve $1; fi; }
f 12

#: heredoc of bash
N=4
export N
bash <<'E'
N=$((N+1))
fastdeploy serve $N
E
fastdeploy serve $N

#: bash -c with exit
bash -c 'exit 1'
bash -c 'fastdeploy serve $1; exit' x 4
fastdeploy serve 5

#: script that returns
cat > s.sh <<'E'
N=2
return 0
N=3
E
N=1
source ./s.sh
fastdeploy serve $N

#: launched in a substitution
start() {
  fastdeploy serve --port $1 &
  echo $!
}
pid=$(start 8000)
other="$(start 8001)"
wait

#: a function that a substitution calls changes nothing outside
N=1
f() { N=2; echo $N; }
ignored=$(f)
fastdeploy serve $N

# Something is open: whatever the machine answers, our reading has the launch, or says what it does not know.

#: branch
N=1
if maybe; then N=2; fi
fastdeploy serve $N

#: branch that launches
if maybe; then N=1; fastdeploy serve $N; else N=2; fi
fastdeploy serve $N

#: functions of branches
if maybe; then f() { fastdeploy serve 1; }; else f() { fastdeploy serve 2; }; fi
f

#: function that may not be there
f() { fastdeploy serve 1; }
maybe && unset -f f
maybe && f() { fastdeploy serve 2; }
f

#: return in a branch
N=1
f() { maybe && return; N=2; }
f
fastdeploy serve $N

#: break in a branch
N=1
for i in 1 2; do maybe && break; N=$i; done
fastdeploy serve $N

#: continue in a branch
N=1
for i in 1 2; do maybe && continue; N=$i; done
fastdeploy serve $N $i

#: while that nobody knows
N=1
while maybe; do fastdeploy serve $N; N=2; [ $N = 2 ] && break; done
fastdeploy serve $N

#: while that reads
N=1
printf 'a\nb\n' > f
while read -r line; do fastdeploy serve $line $N; N=2; done < f
fastdeploy serve $N

#: for over files
N=1
touch a b
for i in ?; do fastdeploy serve $i $N; N=2; done
fastdeploy serve $N

#: while that appends
A=(--a)
while maybe; do A+=(--b); [ ${#A[@]} -gt 3 ] && break; done
fastdeploy serve "${A[@]}"

#: environment
fastdeploy serve $X
if [ -n "$X" ]; then N=1; else N=2; fi
fastdeploy serve $N

#: must be set
fastdeploy serve ${X:?} --a

#: set to another
N=1
X=${X:-4}
if [ $X = 7 ]; then N=2; fi
fastdeploy serve $N

#: command
N=$(echo 4)
fastdeploy serve $N $((N + 1)) `echo 2`

#: command in a test
if [ "$(echo 4)" = 4 ]; then N=1; else N=2; fi
fastdeploy serve $N

#: read
read N M <<< '4 5'
fastdeploy serve $N $M

#: config of branches
if maybe; then
cat > c.yaml <<E
a: 1
E
else
cat > c.yaml <<E
a: 2
E
fi
fastdeploy serve

#: config that sed changes
cat > c.yaml <<E
a: 1
E
sed -i s/1/2/ c.yaml
fastdeploy serve

#: config that a command writes
cat > c.yaml <<E
a: 1
E
seq 3 > c.yaml
fastdeploy serve

#: config that printf writes
printf 'a: %s\n' 4 > c.yaml
fastdeploy serve

#: exported in a branch
FD_A=1
maybe && export FD_A
fastdeploy serve

#: unset in a branch
N=1
maybe && unset N
fastdeploy serve ${N:-8}

#: not a number
N=a
((M = N + 1))
fastdeploy serve $M

#: letters by declare
declare -u N=abc
declare -A M=([a]=1)
fastdeploy serve $N ${M[a]}

#: reference
N=1
f() { local -n R=$1; R=2; }
f N
fastdeploy serve $N

#: braces
fastdeploy serve {1,2} --a{3..5}

#: another separator
IFS=,
A=1,2
fastdeploy serve $A "$A"

#: element
A=(1 2)
A[0]=3
fastdeploy serve "${A[@]}" ${A[-1]}

#: too deep
N=1
f() { if (($1 > 0)); then f $(($1 - 1)); else N=2; fastdeploy serve $N; fi; }
f 20
fastdeploy serve $N

#: eval of a command
N=1
eval "$(echo N=2)"
fastdeploy serve $N

#: retry
N=1
retry() { maybe || { sleep 1; N=2; [ -z "$Y" ] && Y=1 && retry; }; }
retry
fastdeploy serve $N

#: case that nobody knows
case $X in 7) N=1 ;; a*) N=2 ;; *) N=3 ;; esac
fastdeploy serve $N

#: case without a match
N=0
case $X in 7) N=1 ;; esac
fastdeploy serve $N

#: background list
N=1
maybe && N=2 &
wait
fastdeploy serve $N

#: env -i
export FD_A=1
env -i fastdeploy serve
env -i PATH=$PATH FD_B=2 fastdeploy serve

FROM paddlepaddle/fastdeploy:2.5
ENTRYPOINT ["python", "-m", "fastdeploy.entrypoints.openai.api_server"]
CMD ["--model", "/models", \
     "--max-num-seqs", "9"]

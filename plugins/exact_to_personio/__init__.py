"""What joins the two services: the operators of the sync line and the DAG that they make up."""
